"""Whatever a client sends, in whatever pieces, and whatever the handler answers:

- nothing is raised, and every event comes in a state that knows it;
- by DATA a message ends at CRLF.CRLF and nowhere else, and holds what stood before it, dots removed;
- what is called plain is: every line of it ends with CRLF, none begins with a dot;
- whole or octet by octet, the same happens (for a client that may run ahead: else the cuts are what is judged);
- nothing of a line is kept beyond its limit; what we answer is whole reply lines of printable ASCII.

Input: options, eight answers of the handler, then what the client sends.
"""

import re
from collections.abc import Iterator

from tests.fuzz.seeds import said
from tests.fuzz.tape import Tape, cut
from tests.unit.smtp.server_harness import SmallLimits

from mailrail.model import Reply
from mailrail.model import reply as say
from mailrail.smtp import (
    Auth,
    AuthCancelled,
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
    State,
    Verify,
    Xclient,
)

S = State
_STATES: dict[type[Event], tuple[State, ...]] = {
    Hello: (S.GREETED, S.IDLE, S.MAIL, S.RCPT, S.CHUNKS),
    Mail: (S.IDLE,),
    Rcpt: (S.MAIL, S.RCPT),
    DataStart: (S.RCPT,),
    Chunk: (S.DATA, S.CHUNKS),
    EndOfData: (S.DATA, S.CHUNKS),
    Refused: (S.IDLE, S.CHUNKS, S.OVER),
    Reset: (S.GREETED, S.IDLE),
    StartTls: (S.GREETED, S.IDLE),
    Auth: (S.AUTH,),
    AuthResponse: (S.AUTH,),
    AuthCancelled: (S.IDLE, S.OVER),
    Verify: (S.GREETED, S.IDLE, S.MAIL, S.RCPT, S.CHUNKS),
    Xclient: (S.GREETED, S.IDLE),
}
_GOOD = {
    Hello: say.HELLO, Mail: say.SENDER_OK, Rcpt: say.RECIPIENT_OK, DataStart: say.START_DATA, EndOfData: say.QUEUED,
    StartTls: say.TLS_READY, Auth: say.AUTH_DONE, AuthResponse: say.AUTH_DONE, Verify: say.CANNOT_VERIFY,
    Xclient: say.GREETING,
}  # fmt: skip
_PLAIN = re.compile(rb"(?:(?!\.)[^\r\n]*\r\n)*")
_REPLY_LINE = re.compile(rb"[2-5][0-9]{2}[ -][\x20-\x7e]*\r\n")
# Which of two faults of one message is told depends on the cuts: the first that is seen.
_FAULTS = (say.BARE_LINE_END_IN_DATA, say.NUL_IN_DATA, say.TOO_BIG, say.TEXT_LINE_TOO_LONG)
_FAULT_LINES = re.compile(b"|".join(re.escape(fault.wire) for fault in _FAULTS))
_LIMITS = SmallLimits(command_line_bytes=512, auth_line_bytes=600, text_line_bytes=100, message_bytes=1000)
_REPAIRING = SmallLimits(512, 600, 100, 1000, repair_line_ends=True)


class _Session:
    """One core with a handler, and all that happened."""

    def __init__(self, options: int, answers: bytes, *, is_single: bool) -> None:
        offer = Offer("mx", 1000, 3, 4, bool(options & 1), ("PLAIN", "LOGIN"), may_auth_in_clear=True)
        limits = _REPAIRING if options & 8 else _LIMITS
        self.core = ServerConnection(limits, Offers.of(offer), is_lmtp=bool(options & 2))
        self.core.may_run_ahead = not options & 4
        self.core.takes_xclient = bool(options & 16)
        self._is_lmtp, self._repairs = bool(options & 2), limits.repair_line_ends
        self._answers, self._turn, self._is_single = answers, 0, is_single
        self.fed = self.said = self.content = b""
        self.happened: list[str] = []
        self.data_from: int | None = (
            None  # where DATA's content begins in what was fed; known only octet by octet
        )
        self.accepted = 0
        self.core.greet(say.GREETING)
        self.core.data_to_send()

    def feed(self, piece: bytes) -> None:
        self.fed += piece
        self.core.receive(piece)
        while (event := self.core.next_event()) is not None:
            assert self.core.state in _STATES[type(event)], (event, self.core.state)
            self._take(event)
        out = self.core.data_to_send()
        assert _REPLY_LINE.sub(b"", out) == b"", out
        self.said += out
        assert self.core.is_over or self.core.buffered <= 600

    def _take(self, event: Event) -> None:
        match event:
            case Chunk(content=content):
                assert content
                self.content += content
                return
            case EndOfData(content=content, is_plain=is_plain):
                self.content += content
                assert not is_plain or _PLAIN.fullmatch(self.content), self.content
                self._message_ended()
                event = EndOfData()  # how much is known about the content may depend on the cuts
            case Reset() | AuthCancelled():
                pass
            case Refused():
                self.content, self.data_from = b"", None
                self.happened.append("Refused")
                return
            case DataStart(is_chunking=is_chunking):
                self.content = b""
                self.data_from = len(self.fed) if self._is_single and not is_chunking else None
        self.happened.append(repr(event))
        if type(event) in _GOOD:
            self._answer(event)

    def _message_ended(self) -> None:
        self.happened.append(repr(self.content))
        if self.data_from is not None:
            raw = b"\r\n" + self.fed[self.data_from :]
            assert raw.index(b"\r\n.\r\n") == len(raw) - 5
            lines = raw[2:-3].split(b"\r\n")
            unstuffed = b"\r\n".join(line.removeprefix(b".") for line in lines)
            assert self._repairs or self.content == unstuffed, (self.content, unstuffed)
        self.data_from = None

    def _answer(self, event: Event) -> None:
        choice = self._answers[self._turn % len(self._answers)] % 8
        self._turn += 1
        reply = (say.STORE_FAILED, say.NO_SUCH_USER, say.SHUTTING_DOWN)[choice - 5] if choice > 4 else None
        if reply is None:
            reply = (
                say.AUTH_CONTINUE if choice and isinstance(event, Auth | AuthResponse) else _GOOD[type(event)]
            )
        if isinstance(event, EndOfData) and self._is_lmtp and choice == 1:
            self.core.reply_each([reply] * self.accepted)
        else:
            self._reply(event, reply)

    def _reply(self, event: Event, reply: Reply) -> None:
        if isinstance(event, Mail):
            self.accepted = 0
        self.core.reply(reply)
        self.accepted += isinstance(event, Rcpt) and reply.is_positive
        if self.core.state is State.HANDSHAKE:
            self.core.tls_started()


def check(data: bytes) -> None:
    tape = Tape(data)
    options, answers, wire = tape.number(32), tape.take(8), tape.rest()
    runs = []
    for pieces, is_single in (([wire], False), (cut(wire, b""), True), (cut(wire, answers), False)):
        session = _Session(options, answers, is_single=is_single)
        for piece in pieces:
            session.feed(piece)
        runs.append((session.happened, _FAULT_LINES.sub(b"fault\r\n", session.said)))
    # Nobody may run ahead of STARTTLS, and without leave of other commands neither.
    if not options & 1 and not options & 4:
        assert runs[0] == runs[1] == runs[2], runs


def seeds() -> Iterator[bytes]:
    for wire in said("server", "C"):
        yield b"\0" * 9 + wire
        yield b"\x03\x01\x05\0\0\1\6\0\0" + wire.replace(b"EHLO", b"LHLO")
    yield (
        b"\0" * 9 + b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 4\r\n.\r\n.BDAT 2 LAST\r\n\r\nNOOP\r\n"
    )
    yield b"\0" * 9 + b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n..a\r\n.\r\nRSET\r\nVRFY a\r\n"
    yield (
        b"\x10"
        + b"\0" * 8
        + b"EHLO a\r\nXCLIENT ADDR=192.0.2.7 LOGIN=a+40b\r\nEHLO b\r\nXCLIENT NAME=x NAME=y\r\n"
    )
    yield b"\0\1\0\1\0\1\0\1\0" + b"EHLO a\r\nAUTH PLAIN AGEAYg==\r\nYQ==\r\n*\r\n"
