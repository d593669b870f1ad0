"""Whatever a server answers, in whatever pieces:

- nothing is raised but RemoteProtocolError, and the session is over then;
- every event answers what was asked, in the order it was asked; nothing answers twice;
- a transaction ends with one reply for each recipient, each from a stage that can have it;
- no more is kept than one unfinished line; what we send is lines that end with CRLF.

Input: options, eight sizes of pieces, eight intents, then what the server sends.
"""

from collections import deque
from collections.abc import Iterator

from tests.fuzz.seeds import said
from tests.fuzz.tape import Tape, cut

from mailrail.model import Address, Body, Envelope, Recipient, RemoteProtocolError
from mailrail.smtp import (
    Answered,
    Challenged,
    ClientConnection,
    ClientEvent,
    ClientState,
    ContentWanted,
    Dismissed,
    Ended,
    Role,
    Stage,
)
from mailrail.smtp.replies import LINE_OCTETS

_PEOPLE = tuple(Recipient(Address(name, "example.net")) for name in "abc")
_ENVELOPE = Envelope(Address("ann", "example.org"), _PEOPLE)
_CONTENT = b"Subject: x\r\n\r\n.dots\r\n"
_STAGES = {Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT, Stage.END, Stage.RSET}
_TRANSACTION = Stage.MAIL


class _Driver:
    """Does whatever is in order, as the input chooses, and checks who is answered."""

    def __init__(self, options: int, intents: bytes) -> None:
        self.core = ClientConnection(Role.LMTP if options & 1 else Role.SMTP)
        self._whole = None if options & 2 else _CONTENT
        self._wants_binary = bool(options & 4)
        self._intents, self._turn = intents, 0
        self._owed = deque([Stage.GREETING])

    def feed(self, piece: bytes) -> None:
        self.core.receive(piece)
        while (event := self.core.next_event()) is not None:
            self._take(event)
        assert len(self.core._replies._buffer) - self.core._replies._start <= LINE_OCTETS
        self._act()
        self._sent()

    def _sent(self) -> None:
        out = self.core.data_to_send()
        assert not out or out.endswith(b"\r\n") or self._wants_binary, out

    def _take(self, event: ClientEvent) -> None:
        match event:
            case Answered(stage=stage):
                assert self._owed.popleft() is stage
            case Challenged():
                assert self._owed[0] is Stage.AUTH
                self.core.respond(b"x") if self._choice() % 2 else self.core.cancel_auth()
            case ContentWanted():
                assert self._owed[0] is _TRANSACTION
                self.core.send_content(_CONTENT, is_last=bool(self._choice() % 2))
            case Ended(replies=replies, stages=stages):
                assert self._owed.popleft() is _TRANSACTION
                assert len(replies) == len(stages) == len(_PEOPLE)
                assert set(stages) <= _STAGES
            case Dismissed():
                assert self.core.state is ClientState.OVER

    def _act(self) -> None:
        match self.core.state:
            case ClientState.GREETED:
                self._expect(Stage.HELLO)
                self.core.hello("client.example", extended=self._choice() % 4 != 3)
            case ClientState.IDLE:
                self._act_idle()
            case ClientState.SPENT:
                self._begin()
            case ClientState.HANDSHAKE:
                if self._choice() % 2:
                    self.core.tls_up()
            case ClientState.UNWELCOME:
                self._expect(Stage.QUIT)
                self.core.quit()

    def _act_idle(self) -> None:
        core = self.core
        match self._choice() % 6:
            case 1:
                self._expect(Stage.TLS)
                core.starttls()
            case 2:
                self._expect(Stage.AUTH)
                core.auth("PLAIN", b"" if self._choice() % 2 else None)
            case 3:
                self._expect(Stage.RSET)
                core.reset()
            case 4:
                self._expect(Stage.QUIT)
                core.quit()
            case _:
                self._begin()

    def _begin(self) -> None:
        is_binary = self._wants_binary and self.core.extensions.has_binarymime
        self._expect(_TRANSACTION)
        body = Body.BINARY if is_binary else Body.SEVEN_BIT
        self.core.begin(_ENVELOPE, _PEOPLE, size_bytes=len(_CONTENT), body=body, whole=self._whole)

    def _expect(self, stage: Stage) -> None:
        assert not self._owed
        self._owed.append(stage)

    def _choice(self) -> int:
        self._turn += 1
        return self._intents[self._turn % len(self._intents)]


def check(data: bytes) -> None:
    tape = Tape(data)
    options, sizes, intents, wire = tape.number(8), tape.take(8), tape.take(8), tape.rest()
    driver = _Driver(options, intents)
    try:
        for piece in cut(wire, sizes):
            driver.feed(piece)
    except RemoteProtocolError:
        assert driver.core.state is ClientState.OVER
        assert driver.core.next_event() is None


def seeds() -> Iterator[bytes]:
    for wire in said("client", "S"):
        yield b"\0" + b"\0" * 8 + b"\0" * 8 + wire
        yield b"\6" + b"\x10" * 8 + b"\0\5\2\0\1\5\1\0" + wire
    yield b"\6" + b"\0" * 16 + b"220 a\r\n250-b\r\n250-CHUNKING\r\n250 BINARYMIME\r\n" + b"250 ok\r\n" * 9
