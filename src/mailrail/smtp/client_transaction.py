"""Floor 1 · smtp — one mail transaction from the client's side: its commands, and who was answered what.

A recipient is *open* until its fate is known: refused at MAIL or RCPT, or answered behind the end
of the data. What a lost connection leaves open may be tried again; what is settled may not.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Final

from mailrail.model import Body, Envelope, LocalProtocolError, Recipient, RemoteProtocolError, Reply
from mailrail.smtp.client_events import Ended
from mailrail.smtp.client_states import Stage
from mailrail.smtp.extensions import Extensions
from mailrail.smtp.params import format_mail, format_rcpt

# Bound once: Python 3.11 takes 70 ns to find a member in its class.
AT_MAIL, AT_RCPT = Stage.MAIL, Stage.RCPT
_SEVEN_BIT, _EIGHT_BIT, _BINARY = Body.SEVEN_BIT, Body.EIGHT_BIT, Body.BINARY
_TO_ONE: Final = deque((Stage.MAIL, Stage.RCPT, Stage.DATA))
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def format_envelope(
    envelope: Envelope, recipients: Sequence[Recipient], size_bytes: int, body: Body, extensions: Extensions
) -> list[str]:
    """Write MAIL and every RCPT for a peer that offers *extensions*, without their line ends.

    Raises:
        LocalProtocolError: the peer lacks what this envelope or body needs; convert it, or bounce it.
    """
    if not recipients:
        raise LocalProtocolError("a transaction needs a recipient")
    offered, by = extensions.keywords, envelope.deliver_by
    if body is not _SEVEN_BIT or envelope.smtputf8 or envelope.requiretls or by is not None:
        _check_offered(envelope, body, extensions)
    asks_of_delay = by is not None and "DELIVERBY" not in offered
    sender = envelope.reverse_path
    path = "" if sender is None else sender.text
    lines = [f"MAIL FROM:<{path}>{format_mail(envelope, offered, size_bytes, body)}"]
    for recipient in recipients:
        parameters = format_rcpt(recipient, offered, asks_of_delay)
        lines.append(f"RCPT TO:<{recipient.forward_path.text}>{parameters}")
    text = "".join(lines)
    if not (text.isprintable() and text.isascii()):
        _check_characters(lines, envelope.smtputf8)
    return lines


def _check_offered(envelope: Envelope, body: Body, extensions: Extensions) -> None:
    if body is _EIGHT_BIT and not extensions.has_8bitmime:
        raise LocalProtocolError("the peer does not offer 8BITMIME: convert the content first (RFC 6152 §3)")
    if body is _BINARY and not extensions.has_binarymime:
        raise LocalProtocolError(
            "the peer does not offer BINARYMIME: convert the content first (RFC 3030 §3)"
        )
    if envelope.smtputf8 and not extensions.has_smtputf8:
        raise LocalProtocolError("the peer does not offer SMTPUTF8 (RFC 6531 §3.2)")
    if envelope.requiretls and not extensions.has_requiretls:
        raise LocalProtocolError("the peer does not offer REQUIRETLS (RFC 8689 §4.2.1)")
    by = envelope.deliver_by
    if by is not None and by.returns and "DELIVERBY" not in extensions.keywords:
        raise LocalProtocolError("the peer does not offer DELIVERBY (RFC 2852 §4.1.4.1)")


def _check_characters(lines: list[str], smtputf8: bool) -> None:
    """Refuse what could end a command early (command injection), and what only SMTPUTF8 allows."""
    for line in lines:
        if _CONTROL.search(line):
            raise LocalProtocolError(f"control character in {line!r}")
        if not smtputf8 and not line.isascii():
            raise LocalProtocolError(f"{line!r} needs SMTPUTF8 (RFC 6531 §3.2)")


class Transaction:
    """Takes the replies of one transaction in the order of its commands.

    Attributes:
        commands: what those of its commands are that were not sent yet.
        lines: these, without line ends; meaningless once all were sent.
        replies: for each recipient what settled it, or None while it is open.
        stages: for each recipient what its reply answered.
        accepted: how many recipients RCPT took that are still open.
        is_refused: MAIL was refused: whatever the rest is answered, nobody gets anything.

    Args:
        recipients: how many.
        commands: what each of *lines* is.
        lines: the commands.
        is_question: it is only asked who would be taken: a recipient is settled by RCPT, whatever that says.
    """

    __slots__ = (
        "_asked", "_is_question", "_next", "accepted", "commands", "is_refused", "lines", "replies", "stages",
    )  # fmt: skip

    def __init__(
        self, recipients: int, commands: list[Stage], lines: list[str], is_question: bool = False
    ) -> None:
        self.commands = commands
        self.lines = lines
        self._is_question = is_question
        self.replies: list[Reply | None] = [None] * recipients
        self.stages = [AT_RCPT] * recipients
        self.accepted = 0
        self.is_refused = False
        self._asked = 0
        self._next = 0  # before it nobody is open

    def take_commands(self, most: int) -> tuple[list[Stage], list[str]]:
        """Take out the first *most* of the commands that were not sent yet: what they are, and their lines."""
        commands, lines = self.commands, self.lines
        taken = commands[:most], lines[:most]
        del commands[:most], lines[:most]
        return taken

    def is_hopeless(self) -> bool:
        """Tell whether nobody can get it any more, now that all that was sent is answered."""
        if self.is_refused:
            return True
        return not (self.accepted or (self.commands and self.commands[0] in (AT_MAIL, AT_RCPT)))

    def take_mail(self, reply: Reply) -> None:
        """Take the reply to MAIL."""
        if not is_done(reply, AT_MAIL):
            self.is_refused = True
            self.settle_open(AT_MAIL, reply)

    def take_rcpt(self, reply: Reply) -> None:
        """Take the reply to the next RCPT."""
        index = self._asked
        self._asked = index + 1
        is_taken = reply.code < 300 or is_done(reply, AT_RCPT)
        if self.is_refused:
            return
        if is_taken and not self._is_question:
            self.accepted += 1
        else:
            self.replies[index] = reply

    def takes_all(self, owed: deque[Stage], ready: deque[Reply]) -> bool:
        """Take what is *ready*, if it is yes to MAIL, RCPT and DATA for one recipient, of whom nothing else is *owed*.

        That is how nearly every envelope is answered: once the three are read, they need not be looked at one by one.
        """
        if owed != _TO_ONE:
            return False
        mail, rcpt, data = ready
        if mail.code >= 300 or rcpt.code >= 300 or data.code != 354:
            return False
        owed.clear()
        ready.clear()
        self._asked = self.accepted = 1
        return True

    def settle_next(self, stage: Stage, reply: Reply) -> None:
        """Give the reply to the first recipient that is open, once all were asked (RFC 2033 §4.2)."""
        index = self._next
        while self.replies[index] is not None:
            index += 1
        self._next = index + 1
        self.replies[index] = reply
        self.stages[index] = stage
        self.accepted -= 1

    def settle_open(self, stage: Stage, reply: Reply) -> None:
        """Give the reply to every recipient that is open, asked or not."""
        self.accepted = 0
        for index, known in enumerate(self.replies):
            if known is None:
                self.replies[index] = reply
                self.stages[index] = stage

    def ended_by(self, stage: Stage, reply: Reply) -> Ended:
        """Give the reply to every recipient that is open, and return what became of all."""
        count = len(self.replies)
        if self.accepted == count:  # nearly always nobody was refused
            return Ended((reply,) * count, (stage,) * count)
        self.settle_open(stage, reply)
        return self.ended()

    def ended(self) -> Ended:
        """Return what became of every recipient, once nobody is open."""
        replies = tuple(filter(None, self.replies))
        assert len(replies) == len(self.replies), "a recipient was left without an answer"
        return Ended(replies, tuple(self.stages))


def is_done(reply: Reply, stage: Stage) -> bool:
    """Tell whether a command was carried out (2yz) or refused.

    Raises:
        RemoteProtocolError: 3yz asks for something that this command does not have (A58).
    """
    code = reply.code
    if 300 <= code < 400:
        raise RemoteProtocolError(f"{code} makes no sense as a reply to {stage.value}")
    return code < 300


def check_cleared(reply: Reply) -> None:
    """Take the reply to RSET, which nobody refuses.

    Raises:
        RemoteProtocolError: this peer does.
    """
    if not is_done(reply, Stage.RSET):
        raise RemoteProtocolError(f"RSET was refused: {reply}")
