"""Floor 5 · sendmail — `sendmail -bs`: SMTP on standard input and output, for mail programs that speak it to a program.

The same protocol core as the server's, and behind it the maildrop: so who sends is known by his user number here, too, and the server
need not run.
"""

import os
from typing import Final

from mailrail.maildrop import DropWriter, Handed
from mailrail.model import Body, Reply
from mailrail.model import reply as say
from mailrail.sendmail.door import ask, new_name
from mailrail.sendmail.exits import IO, OK, Stop
from mailrail.sendmail.options import Options
from mailrail.sendmail.whereabouts import Whereabouts
from mailrail.smtp import (
    Auth,
    AuthResponse,
    Chunk,
    DataStart,
    EndOfData,
    Event,
    Hello,
    Mail,
    Offer,
    Offers,
    Rcpt,
    Refused,
    Reset,
    ServerConnection,
    StartTls,
    Verify,
    Xclient,
)

_BLOCK: Final = 64 * 1024


class _Limits:
    """What a pipe may use up: what the server takes, and of commands as much as anybody likes, for he has only himself to hurt."""

    command_line_bytes = 4096
    auth_line_bytes = 4096
    text_line_bytes = 16 * 1024 * 1024
    recipients = 10_000
    errors = 1000
    junk = 100_000
    repair_line_ends = True

    def __init__(self, message_bytes: int) -> None:
        self.message_bytes = message_bytes


class _PipeOffer(Offer):
    """What makes sense on a pipe: nothing to encrypt, nobody to authenticate, and lines, not chunks."""

    def lines(self, *, is_tls: bool, is_stranger: bool = False) -> tuple[str, ...]:
        """Return the extension lines, without the host name before them."""
        return ("PIPELINING", f"SIZE {self.size_bytes}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")


def speak(options: Options) -> int:
    """Speak SMTP until QUIT or the end of input, and return the exit code."""
    where = Whereabouts(options.settings)
    limit = where.limit_bytes()
    session = _Session(where.maildrop, limit)
    session.begin()
    while not session.is_over and (data := _read()):
        session.feed(data)
    session.forget()
    return OK


def _read() -> bytes:
    try:
        return os.read(0, _BLOCK)
    except OSError as error:
        raise Stop(IO, f"standard input cannot be read: {error.strerror}") from None


def _put(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(1, left) :]


class _Session:
    """One session; transactions end in the maildrop."""

    def __init__(self, maildrop: str, limit: int) -> None:
        self._maildrop = maildrop
        self._host = os.uname().nodename
        offer = _PipeOffer(self._host, limit, _Limits.recipients, 1_000_000)
        self._core = ServerConnection(_Limits(limit), Offers.of(offer))
        self._core.may_run_ahead = True
        self._handed = Handed([])
        self._drop: DropWriter | None = None
        self._has_cr = False

    @property
    def is_over(self) -> bool:
        return self._core.is_over

    def begin(self) -> None:
        """Greet."""
        self._core.greet(say.GREETING.with_text(f"{self._host} ESMTP mailrail"))
        self._flush()

    def feed(self, data: bytes) -> None:
        """Take input. A line may end with LF alone, as scripts write it: nobody else than its writer can be deceived by that."""
        # LENIENT: seen from shell scripts; Postfix and Sendmail take it on a pipe.
        text = b"\r" + data if self._has_cr else data
        self._has_cr = text.endswith(b"\r")
        if self._has_cr:
            text = text[:-1]
        self._core.receive(text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        while (event := self._core.next_event()) is not None:
            answer = self._answer(event)
            if answer is not None:
                self._core.reply(answer)
            self._flush()
        self._flush()

    def forget(self) -> None:
        """Leave nothing of an unfinished transaction."""
        if self._drop is not None:
            self._drop.discard()
            self._drop = None

    def _flush(self) -> None:
        _put(self._core.data_to_send())

    def _answer(self, event: Event) -> Reply | None:
        match event:
            case Hello():
                return say.HELLO
            case Mail():
                self.forget()
                sender = "" if event.reverse_path is None else event.reverse_path.text
                self._handed = Handed([], sender=sender)
                return say.UNKNOWN_PARAMETER if event.parameters.body is Body.BINARY else say.SENDER_OK
            case Rcpt():
                self._handed.recipients.append(event.forward_path.text)
                return say.RECIPIENT_OK
            case DataStart():
                return self._begin_data()
            case Chunk():
                self._chunk(event.content)
                return None
            case EndOfData():
                self._chunk(event.content)
                return self._end()
            case Refused() | Reset():
                self.forget()
                return None
            case Verify():
                return say.CANNOT_VERIFY
            case Auth() | AuthResponse() | StartTls() | Xclient():
                return say.NOT_IMPLEMENTED
            case _:
                return None

    def _begin_data(self) -> Reply:
        try:
            self._drop = DropWriter(self._maildrop, new_name(), self._handed)
        except (OSError, ValueError) as error:
            return say.STORE_FAILED.with_text(f"The maildrop takes nothing now: {error}")
        return say.START_DATA

    def _chunk(self, content: bytes) -> None:
        if self._drop is None:
            return
        try:
            self._drop.write(content.replace(b"\0", b""))
        except OSError:
            self.forget()  # the end tells it

    def _end(self) -> Reply:
        drop, self._drop = self._drop, None
        if drop is None:
            return say.STORE_FAILED
        try:
            drop.finish()
        except OSError as error:
            drop.discard()
            return say.STORE_FAILED.with_text(f"The maildrop takes nothing now: {error.strerror}")
        code, words = ask(self._maildrop, drop.name)
        if code < 500:
            return say.QUEUED.with_text(words.partition(" ")[2] if code == say.QUEUED.code else "Handed in")
        enhanced_code, _, text = words.partition(" ")
        return Reply(code, enhanced_code, text)
