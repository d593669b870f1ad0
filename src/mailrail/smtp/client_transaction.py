"""Floor 1 · smtp — one mail transaction from the client's side: its commands, and who was answered what.

A recipient is *open* until its fate is known: refused at MAIL or RCPT, or answered behind the end
of the data. What a lost connection leaves open may be tried again; what is settled may not.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Final

from mailrail.model import Body, Envelope, LocalProtocolError, Recipient, RemoteProtocolError, Reply
from mailrail.smtp.client_states import Stage
from mailrail.smtp.extensions import Extensions
from mailrail.smtp.params import format_mail, format_rcpt

# Bound once: Python 3.11 takes 70 ns to find a member in its class.
AT_MAIL, AT_RCPT = Stage.MAIL, Stage.RCPT
_EIGHT_BIT, _BINARY = Body.EIGHT_BIT, Body.BINARY
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def format_envelope(
    envelope: Envelope, recipients: Sequence[Recipient], size_bytes: int, body: Body, extensions: Extensions
) -> list[bytes]:
    """Write MAIL and every RCPT for a peer that offers *extensions*.

    Raises:
        LocalProtocolError: the peer lacks what this envelope or body needs; convert it, or bounce it.
    """
    if not recipients:
        raise LocalProtocolError("a transaction needs a recipient")
    if body is _EIGHT_BIT and not extensions.has_8bitmime:
        raise LocalProtocolError("the peer does not offer 8BITMIME: convert the content first (RFC 6152 §3)")
    if body is _BINARY and not extensions.has_binarymime:
        raise LocalProtocolError(
            "the peer does not offer BINARYMIME: convert the content first (RFC 3030 §3)"
        )
    offered, smtputf8, by = extensions.keywords, envelope.smtputf8, envelope.deliver_by
    if smtputf8 and not extensions.has_smtputf8:
        raise LocalProtocolError("the peer does not offer SMTPUTF8 (RFC 6531 §3.2)")
    if envelope.requiretls and not extensions.has_requiretls:
        raise LocalProtocolError("the peer does not offer REQUIRETLS (RFC 8689 §4.2.1)")
    asks_of_delay = by is not None and "DELIVERBY" not in offered
    if asks_of_delay and by is not None and by.returns:
        raise LocalProtocolError("the peer does not offer DELIVERBY (RFC 2852 §4.1.4.1)")
    parameters = format_mail(envelope, offered, size_bytes, body)
    sender = envelope.reverse_path
    path = "" if sender is None else sender.text
    lines = [_encoded(f"MAIL FROM:<{path}>{parameters}", smtputf8)]
    for recipient in recipients:
        parameters = format_rcpt(recipient, offered, asks_of_delay=asks_of_delay)
        lines.append(_encoded(f"RCPT TO:<{recipient.forward_path.text}>{parameters}", smtputf8))
    return lines


def _encoded(line: str, smtputf8: bool) -> bytes:
    """Encode a command; what could end it early never leaves (command injection)."""
    if not line.isprintable() and _CONTROL.search(line):
        raise LocalProtocolError(f"control character in {line!r}")
    if not smtputf8 and not line.isascii():
        raise LocalProtocolError(f"{line!r} needs SMTPUTF8 (RFC 6531 §3.2)")
    return line.encode() + b"\r\n"


class Transaction:
    """Takes the replies of one transaction in the order of its commands.

    Attributes:
        commands: what those of *lines* are that were not sent yet.
        replies: for each recipient what settled it, or None while it is open.
        stages: for each recipient what its reply answered.
        accepted: recipients that RCPT took and that are still open, in order.
        is_refused: MAIL was refused: whatever the rest is answered, nobody gets anything.

    Args:
        recipients: how many.
        commands: what each of *lines* is.
        lines: the commands.
        is_question: it is only asked who would be taken: a recipient is settled by RCPT, whatever that says.
    """

    __slots__ = (
        "_asked", "_is_question", "_lines", "accepted", "commands", "is_refused", "replies", "stages",
    )  # fmt: skip

    def __init__(
        self, recipients: int, commands: list[Stage], lines: list[bytes], *, is_question: bool = False
    ) -> None:
        self.commands = commands
        self._lines = lines
        self._is_question = is_question
        self.replies: list[Reply | None] = [None] * recipients
        self.stages = [AT_RCPT] * recipients
        self.accepted: deque[int] = deque()
        self.is_refused = False
        self._asked = 0

    def next_commands(self, most: int) -> tuple[list[Stage], list[bytes]]:
        """Take out up to *most* of the commands that were not sent yet: what they are, and their lines."""
        commands, lines = self.commands, self._lines
        if len(commands) <= most:
            self.commands = []
            return commands, lines
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
        if reply.code >= 300 and not is_done(reply, AT_MAIL):
            self.is_refused = True
            self.settle_rest(AT_MAIL, reply)

    def take_rcpt(self, reply: Reply) -> None:
        """Take the reply to the next RCPT."""
        index = self._asked
        self._asked = index + 1
        is_taken = reply.code < 300 or is_done(reply, AT_RCPT)
        if self.is_refused:
            return
        if is_taken and not self._is_question:
            self.accepted.append(index)
        else:
            self.replies[index] = reply

    def settled(self) -> tuple[Reply, ...]:
        """Return every recipient's reply, once nobody is open."""
        replies = tuple([reply for reply in self.replies if reply is not None])
        assert len(replies) == len(self.replies), "a recipient was left without an answer"
        return replies

    def settle_next(self, stage: Stage, reply: Reply) -> None:
        """Give the reply to the first accepted recipient that is open (RFC 2033 §4.2)."""
        index = self.accepted.popleft()
        self.replies[index] = reply
        self.stages[index] = stage

    def settle_accepted(self, stage: Stage, reply: Reply) -> None:
        """Give the reply to every accepted recipient that is open."""
        replies, stages = self.replies, self.stages
        for index in self.accepted:
            replies[index], stages[index] = reply, stage
        self.accepted.clear()

    def settle_rest(self, stage: Stage, reply: Reply) -> None:
        """Give the reply to every recipient that is open, asked or not."""
        self.accepted.clear()
        for index, known in enumerate(self.replies):
            if known is None:
                self.replies[index] = reply
                self.stages[index] = stage


def is_done(reply: Reply, stage: Stage) -> bool:
    """Tell whether a command was carried out (2yz) or refused.

    Raises:
        RemoteProtocolError: 3yz asks for something that this command does not have (A58).
    """
    code = reply.code
    if 300 <= code < 400:
        raise RemoteProtocolError(f"{code} makes no sense as a reply to {stage.value}")
    return code < 300
