"""Floor 5 · sim — what strangers took: was it whole, for them, once, and if it is a notice, was it owed."""

import quopri
import re
from collections import defaultdict
from typing import Final

from mailrail.message import Action, RecipientStatus, parse_report
from mailrail.sim.ledger.books import Books
from mailrail.sim.ledger.copy import Answered, Copy, Fortune
from mailrail.sim.posting import key_of
from mailrail.sim.strangers import SMUGGLED, Handover

_TRACE: Final = re.compile(rb"(?:(?:Received|Return-Path):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*")
_QUEUE_ID: Final = re.compile(rb"\bid ([0-9A-Za-z]{11})\b")
_SRS: Final = re.compile(r"SRS0=[^=]+=[A-Z2-7]{2}=([^=]+)=(.+)@[^@]+")
_BATV: Final = re.compile(r"prvs=[0-9]{4}[0-9A-Fa-f]{6}=(.+@[^@]+)")
_MESSAGE_ID: Final = re.compile(rb"^Message-ID:\s*<([^>]*)>", re.IGNORECASE | re.MULTILINE)


class Arrivals:
    """Judges what arrives."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._notices: defaultdict[str, list[tuple[Handover, str]]] = defaultdict(list)

    def took(self, handover: Handover, content: bytes) -> None:
        """Judge one message that a stranger keeps."""
        books = self._books
        if any(path.startswith(SMUGGLED) for path, _ in handover.recipients):
            books.break_rule("smuggled", f"{handover.host} got a message that was hidden in another")
        key = key_of(content)
        if key is None:
            return  # what an abuser sent in good form
        copy = books.copies.get(key)
        if copy is None:
            books.break_rule("invented", f"{handover.host} got {key}, which nobody sent")
        elif not handover.reverse_path and (report := parse_report(content)) is not None:
            self._notice(handover, content, copy, report.recipients)
        else:
            self._copy(handover, content, copy)

    # --- copies

    def _copy(self, handover: Handover, content: bytes, copy: Copy) -> None:
        books = self._books
        ids = [found.decode() for found in _QUEUE_ID.findall(_head(content))]
        for one in ids:
            books.keys.setdefault(one, copy.key)
        queue_id = ids[0] if ids else ""
        paths = ", ".join(path for path, _ in handover.recipients)
        copy.note(books.now_s(), f"{handover.host} took it for {paths} ({queue_id} from {handover.client})")
        if copy.answered is Answered.REFUSED:
            books.break_rule("refused", f"delivered to {paths} although its client was told no", copy)
        if not all(_is_sender(handover.reverse_path, copy, path) for path, _ in handover.recipients):
            books.break_rule("sender", f"arrived from <{handover.reverse_path}>", copy)
        if fault := _compare(content, copy):
            books.break_rule("altered", f"at {handover.host}: {fault}", copy)
        for path, _ in handover.recipients:
            self._recipient(handover, queue_id, copy, path)

    def _recipient(self, handover: Handover, queue_id: str, copy: Copy, path: str) -> None:
        books, fortune = self._books, copy.fortunes.get(path)
        if fortune is None:
            books.break_rule("stranger", f"delivered to {path}, whom it was not for", copy)
            return
        if fortune.handovers:
            books.counts["duplicates"] += 1
            if self._is_known(fortune.handovers, queue_id):
                books.break_rule(
                    "duplicate", f"delivered again to {path}, though the first reply was read", copy
                )
        else:
            books.counts["delivered"] += 1
            if fortune.waited_s is None:
                fortune.waited_s = books.now_s() - copy.at_s
        if queue_id in fortune.bounces.values():
            books.break_rule("both", f"delivered to {path} after it was returned", copy)
        fortune.handovers.append((handover, queue_id))

    def _is_known(self, before: list[tuple[Handover, str]], queue_id: str) -> bool:
        """Tell whether some node that handed it over *before* knew so, and should not have done it again."""
        books = self._books
        same = [one for one, its_id in before if its_id == queue_id]
        if same:
            return any(books.is_sure(one, queue_id) for one in same)
        return any(books.is_upstream_sure(its_id) for _, its_id in before)

    # --- notices

    def _notice(
        self, handover: Handover, content: bytes, copy: Copy, told: tuple[RecipientStatus, ...]
    ) -> None:
        books = self._books
        found = _MESSAGE_ID.search(content)
        name = found[1].decode() if found else ""
        is_new = name not in self._notices
        # That of the last mailrail it passed, or where it was made.
        ids = _QUEUE_ID.findall(_head(content))
        queue_id = ids[0].decode() if ids else name.partition("@")[0]
        if self._is_known(self._notices[name], queue_id):
            books.break_rule(
                "duplicate", f"notice {name} was delivered again, though the first reply was read", copy
            )
        self._notices[name].append((handover, queue_id))
        for one in told:
            path = one.final_recipient.partition(";")[2]
            copy.note(books.now_s(), f"{handover.host} took the notice {name}: {path} {one.action.value}")
            if path == copy.posting.sender:
                copy.dead_notices += 1  # told to the postmaster, for its sender could not be
            elif is_new:
                self._told(handover, content, copy, name, path, one.action)

    def _told(
        self, handover: Handover, content: bytes, copy: Copy, name: str, path: str, action: Action
    ) -> None:
        """Judge what a notice that was not seen before tells of one recipient."""
        books, fortune = self._books, copy.fortunes.get(path)
        to = [one for one, _ in handover.recipients]
        if not copy.posting.sender:
            books.break_rule(
                "null sender", f"{', '.join(to)} was told of {path}, but it came from nobody", copy
            )
        elif to != [(fortune and fortune.told) or copy.posting.sender]:
            books.break_rule("notice", f"the notice of {path} went to {', '.join(to)}", copy)
        if fortune is None:
            books.break_rule("notice", f"tells of {path}, whom it was not for", copy)
            return
        if fortune.wanted.notify == "NEVER":
            books.break_rule("notify", f"told of {path} in spite of NOTIFY=NEVER", copy)
        if action is Action.FAILED:
            self._bounced(content, copy, fortune, name, path)
        elif action in (Action.DELIVERED, Action.RELAYED, Action.EXPANDED):
            if "SUCCESS" not in fortune.wanted.notify:
                books.break_rule("notify", f"told of the success of {path} without being asked", copy)
            fortune.successes.add(name)

    def _bounced(self, content: bytes, copy: Copy, fortune: Fortune, name: str, path: str) -> None:
        books = self._books
        queue_id = _original_id(content, copy)
        if not fortune.wanted.is_owed_bounce:
            books.break_rule("notify", f"told of the failure of {path} against its NOTIFY", copy)
        if copy.answered is Answered.REFUSED:
            books.break_rule("refused", f"returned for {path} although its client was told no", copy)
        before = set(fortune.bounces.values())
        if queue_id in before or any(books.is_upstream_sure(one) for one in before):
            books.break_rule("bounced twice", f"two notices tell of the failure of {path}", copy)
        if any(its_id == queue_id and books.is_sure(one, queue_id) for one, its_id in fortune.handovers):
            books.break_rule("both", f"returned for {path}, to whom it was delivered", copy)
        if not fortune.bounces:
            books.counts["bounced"] += 1
        fortune.bounces[name] = queue_id


def _is_sender(reverse_path: str, copy: Copy, path: str) -> bool:
    """Tell whether mail may reach *path* with *reverse_path*: a list has its own, but not for what came from nobody."""
    fortune, writer = copy.fortunes.get(path), copy.posting.sender
    if fortune is None or not writer:
        return reverse_path == writer
    wanted = fortune.sender or writer
    return (_led_back(reverse_path) if fortune.leads_back else reverse_path) == wanted


def _led_back(reverse_path: str) -> str:
    """Return whose a signed reverse-path is, by its form alone; "" where it is none. Read here by itself, as all that is judged."""
    if found := _SRS.fullmatch(reverse_path):
        return f"{found[2]}@{found[1]}"
    found = _BATV.fullmatch(reverse_path)
    return found[1] if found else ""


def _head(content: bytes) -> bytes:
    """Return the trace fields in front of what the client sent."""
    found = _TRACE.match(content)
    return found[0] if found else b""


def _original_id(content: bytes, copy: Copy) -> str:
    """Return the queue id on top of the message that the notice *content* returns."""
    end = content.find(f"X-Mailrail-Sim: {copy.key}\r\n".encode())
    begin = content.rfind(b"\r\n\r\n", 0, end)
    found = _QUEUE_ID.search(content, begin, end)
    return found[1].decode() if found else ""


def _compare(content: bytes, copy: Copy) -> str:
    """Return how *content* differs from what was sent, "" if it does not but for trace fields in front."""
    sent = copy.posting.content(copy.trial)
    if content.endswith(sent):
        return "" if _TRACE.fullmatch(content[: -len(sent)]) else "something but trace fields stands in front"
    if copy.posting.is_8bit and content.isascii():
        # Converted for a hop that takes 7 bits only (RFC 6152 §3).
        body = quopri.decodestring(content.partition(b"\r\n\r\n")[2])
        return (
            "" if body == sent.partition(b"\r\n\r\n")[2] else "the text is another one after its conversion"
        )
    return f"{len(content)} octets arrived that do not end with the {len(sent)} that were sent"
