"""Floor 1 · message — what a notice says to the person who sent the message.

The reader is no expert, wants to know who got the message and what to do now, and may never
have heard of this server. So: plain words first, the peer's own words as they were, codes
only as part of those.
"""

from collections.abc import Iterator
from typing import Final

from mailrail.message.dates import date_text
from mailrail.message.dsn import Action, DeliveryStatus, RecipientStatus, fold, one_line
from mailrail.model import PATH_OCTETS

TITLE_CHARACTERS: Final = 200  # of the original Subject; it is there to be recognised
SUBJECTS: Final = {
    Action.FAILED: "Your message could not be delivered",
    Action.DELAYED: "Your message is delayed, and still being tried",
    Action.DELIVERED: "Your message was delivered",
    Action.RELAYED: "Your message was passed on",
    Action.EXPANDED: "Your message was passed on",
}
_HEADINGS: Final = {
    Action.FAILED: "It could NOT be delivered to:",
    Action.DELAYED: "It could not be delivered YET to:",
    Action.DELIVERED: "It was delivered to:",
    Action.RELAYED: "It was passed on, to a server that sends no reports of its own, for:",
    Action.EXPANDED: "It was passed on to the members of:",
}
# RFC 3463 §3: the longest key that begins the status counts.
_ADVICE: Final = {
    "5.1.1": "There is no such mailbox. Look for a typing mistake in the address, or ask the person for a new one.",
    "5.1.2": "There is no such domain. Look for a typing mistake behind the @ of the address.",
    "5.1.10": "This domain takes no mail at all. Look for a typing mistake behind the @ of the address.",
    "5.1": "The address does not work. Look for a typing mistake in it, or ask the person for a new one.",
    "5.2.2": "The mailbox is full. Try again in a few days, or reach the person in another way.",
    "5.2.3": "The message is too big for this mailbox. Send less at once, or a link to a file.",
    "5.2": "The mailbox takes no mail now. Reach the person in another way.",
    "5.3.4": "The message is too big for the next server. Send less at once, or a link to a file.",
    "5.4.6": "The message went round in a loop between servers. Tell the postmaster of the recipient's domain.",
    "5.4.7": "We tried again and again until the time allowed was over. Check the address, then send it again.",
    "5.4": "The mail server of this domain could not be reached. Check the address, then send it again.",
    "5.6.7": "The next server cannot take addresses or header lines in international characters. "
    "Use an address in plain letters.",
    "5.6": "The next server cannot take a message of this form. Send it as plain text or in another format.",
    "5.7": "The other server refused the message by its rules. Its words above may say why; "
    "if not, ask the postmaster of that domain.",
    "5": "If the words above do not help, ask the postmaster of the recipient's domain.",
    "4": "You need not send it again: we go on trying.",
}


def subject(status: DeliveryStatus) -> str:
    """Return the Subject of a report: that of the worst that happened."""
    actions = {one.action for one in status.recipients}
    return SUBJECTS[next(action for action in Action if action in actions)]


def explain(status: DeliveryStatus, *, title: str, is_full: bool, note: str = "") -> str:
    """Return the text part of a report, with CRLF line ends.

    Args:
        title: the original Subject, as text for people.
        is_full: the whole message follows, not only its header.
        note: one more sentence, for a reader who did not send the message.
    """
    server = one_line(status.reporting_mta, utf8=True)
    paragraphs = [f"This is the mail server {server}. {note}".rstrip(), f"{subject(status)}."]
    about = f"  Subject: {one_line(title[:TITLE_CHARACTERS], utf8=True) or '(none)'}"
    if status.arrival_us:
        about += f"\r\n  Arrived: {date_text(status.arrival_us)}"
    paragraphs.append(about)
    for action in Action:
        group = [one for one in status.recipients if one.action is action]
        if group:
            paragraphs += [_HEADINGS[action], *(_about(one) for one in group)]
    content = "your whole message" if is_full else "the header of your message"
    paragraphs.append(f"Below: the same with all codes for programs, and {content}.")
    return "\r\n\r\n".join(_wrap(paragraph) for paragraph in paragraphs) + "\r\n"


def _wrap(paragraph: str) -> str:
    return paragraph if paragraph.startswith(" ") else fold(paragraph, indent="")


def _about(one: RecipientStatus) -> str:
    return "\r\n".join(_lines_about(one))


def _lines_about(one: RecipientStatus) -> Iterator[str]:
    address, original = _shown(one.final_recipient), _shown(one.original_recipient)
    yield f"  <{address}>" + (f" (you wrote: {original})" if original and original != address else "")
    if one.diagnostic:
        said = f"{one_line(one.remote_mta, utf8=True)} said: " if one.remote_mta else ""
        yield "    " + fold(said + one_line(one.diagnostic, utf8=True), first=4, indent="      ")
    if one.action in (Action.FAILED, Action.DELAYED):
        yield "    " + fold(_advice(one.status), first=4, indent="    ")
    if one.will_retry_until_us:
        yield f"    The last try is on {date_text(one.will_retry_until_us)}."


def _shown(typed: str) -> str:
    return one_line(typed.partition(";")[2][:PATH_OCTETS], utf8=True)


def _advice(status: str) -> str:
    """Return what to do about *status*: first by class, subject and detail, then by less."""
    while status and status not in _ADVICE:
        status = status.rpartition(".")[0]
    return _ADVICE.get(status, _ADVICE["5"])
