"""Floor 5 · sim — one connection to a stranger: its own reading of SMTP (RFC 5321), strict about what it hears.

Whatever a client must not do is told to the witness: commands out of order, line ends that are none, a parameter
or a pipeline that was not offered. What is said is decided by the stranger's steps; order and content are kept here.
"""

import asyncio
import re
from typing import Final, Protocol

from mailrail.model import NetError
from mailrail.net import Connection, TlsConnection, TlsInfo
from mailrail.sim.strangers.answer import Answer, Then
from mailrail.sim.strangers.letter import Dotted, Letter, has_bare_line_end
from mailrail.sim.strangers.witness import Fate, Handover, Place

LINE_BYTES: Final = 4096  # RFC 5321 §4.5.3.1.4, and more than all extensions add
HANDSHAKE_S: Final = 60.0
IDLE_S: Final = 300.0  # RFC 5321 §4.5.3.2.7; else the visit of a client that lost its power would never end
_PATH: Final = re.compile(r"(?:FROM|TO):<(?:@[^:>]*:)?([^>]*)>(.*)", re.IGNORECASE | re.DOTALL)
_NEEDS: Final = {
    "SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN", "REQUIRETLS": "REQUIRETLS",
    "MT-PRIORITY": "MT-PRIORITY", "BY": "DELIVERBY", "HOLDFOR": "FUTURERELEASE", "HOLDUNTIL": "FUTURERELEASE",
}  # fmt: skip
# What their values look like (RFC 6710 §7, RFC 2852 §4, RFC 4865 §3).
_VALUES: Final = {
    "MT-PRIORITY": re.compile("0|-?[1-9]"),
    "BY": re.compile(r"(?:[+-]?\d{1,9};N|\+?(?!0+;)\d{1,9};R)T?"),
    "HOLDFOR": re.compile(r"[1-9]\d{0,8}"),
    "HOLDUNTIL": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
}
_NEEDS_RCPT: Final = {"NOTIFY": "DSN", "ORCPT": "DSN"}
# Commands behind which the client must wait (RFC 2920 §3.1).
_LAST: Final = frozenset({"EHLO", "HELO", "LHLO", "DATA", "STARTTLS", "QUIT", "VRFY", "EXPN", "NOOP"})


class Steps(Protocol):
    """What a stranger decides; `stranger.py` has the words."""

    place: Place
    offered: frozenset[str]

    @property
    def greetings(self) -> frozenset[str]:
        """Verbs that begin a session."""
        ...

    def arrived(self, visit: "Visit", /) -> None:
        """Count a visit in."""
        ...

    def left(self, visit: "Visit", /) -> None:
        """Count a visit out."""
        ...

    def greet(self, visit: "Visit", /) -> Answer:
        """Say the first word."""
        ...

    def hello(self, visit: "Visit", /, *, is_extended: bool) -> Answer:
        """Answer EHLO or HELO."""
        ...

    def starttls(self, visit: "Visit", /) -> Answer:
        """Answer STARTTLS."""
        ...

    def mail(self, visit: "Visit", letter: Letter, /) -> Answer:
        """Answer MAIL."""
        ...

    def rcpt(self, visit: "Visit", letter: Letter, path: str, wishes: str, /) -> Answer:
        """Answer RCPT."""
        ...

    def data(self, visit: "Visit", letter: Letter, /) -> Answer:
        """Answer DATA."""
        ...

    def end(self, visit: "Visit", letter: Letter, /) -> Answer:
        """Answer the end of the content."""
        ...

    def noise(self, visit: "Visit", data: bytes, /) -> Answer:
        """Answer bytes that are no SMTP."""
        ...


class Visit:
    """One connection, from the stranger's side.

    Attributes:
        client: IP address of the peer.
        hello: what it called itself, "" before.
        is_tls: the handshake is done.
        messages: transactions begun here.
    """

    def __init__(self, steps: Steps, connection: Connection) -> None:
        self.client = connection.peer.host
        self.hello = ""
        self.is_tls = False
        self.messages = 0
        self._steps = steps
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._out: list[str] = []
        self._letter: Letter | None = None
        self._dotted: Dotted | None = None
        self._chunk: tuple[int, bool] | None = (
            None  # octets that a BDAT still brings, and whether it is the last
        )
        self._owed: Handover | None = None  # said, but perhaps not read
        self._is_waiting = False  # the client waits for a slow answer
        self._is_noise = False
        self._is_over = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._heard_s = self._loop.time()

    @property
    def now_s(self) -> float:
        """The loop's time."""
        return self._loop.time()

    def begin(self) -> None:
        """Greet."""
        self._connection.attach(self)
        self._steps.arrived(self)
        self._idle = self._loop.call_later(IDLE_S, self._is_idle)
        self._answer(self._steps.greet(self))
        self._flush()

    # --- the receiver

    def received(self, data: bytes, /) -> None:
        """Take bytes."""
        self._heard_s = self._loop.time()
        if self._is_noise:
            self._answer(self._steps.noise(self, data))
            self._flush()
            return
        if self._owed is not None:
            self._owed.fate, self._owed = Fate.READ, None
        self._buffer += data
        self._go_on()

    def writable(self) -> None:
        """Nothing waits for this: replies are short."""

    def ended(self, error: NetError | None, /) -> None:
        """The client is gone."""
        self._over()
        self._connection.close()

    # --- answers

    def _go_on(self) -> None:
        while not self._is_waiting and not self._is_over and self._step():
            pass
        self._flush()

    def _answer(self, answer: Answer) -> None:
        if answer.wait_s:
            self._is_waiting = True
            self._flush()
            self._timer = self._loop.call_later(answer.wait_s, self._answer_late, answer)
        else:
            self._speak(answer)

    def _answer_late(self, answer: Answer) -> None:
        self._is_waiting = False
        self._speak(answer)
        self._go_on()

    def _speak(self, answer: Answer) -> None:
        if self._is_over:
            return
        if answer.text:
            self._out.append(answer.text)
        match answer.then:
            case Then.GO_ON:
                pass
            case Then.CLOSE:
                self._flush()
                self._over()
                self._connection.close()
            case Then.DROP:
                self._flush()
                self._over()
                self._connection.abort()
            case Then.TLS:
                self._flush()
                self._shake_hands()
            case Then.NOISE:
                self._flush()
                self._is_noise = True

    def _flush(self) -> None:
        if self._out and not self._is_over:
            text = "\n".join(self._out).replace("\n", "\r\n") + "\r\n"
            self._out.clear()
            self._connection.write(text.encode("latin-1"))

    def _over(self) -> None:
        if not self._is_over:
            self._is_over = True
            for timer in (self._timer, self._idle):
                if timer is not None:
                    timer.cancel()
            self._steps.left(self)

    def _is_idle(self) -> None:
        """Hang up on a client that has said nothing for too long."""
        left_s = self._heard_s + IDLE_S - self._loop.time()
        if left_s > 0 or self._is_waiting:
            self._idle = self._loop.call_later(max(left_s, IDLE_S / 2), self._is_idle)
        else:
            self._speak(Answer("421 4.4.2 Idle for too long", Then.CLOSE))

    def _shake_hands(self) -> None:
        assert self._steps.place.tls is not None
        if self._buffer:
            self._complain("sent something behind STARTTLS before the handshake")
        self._buffer.clear()
        tls = TlsConnection.server(self._connection, self._steps.place.tls)
        self._connection = tls

        def secured(_: TlsInfo) -> None:
            self.is_tls, self.hello, self._letter = True, "", None
            tls.attach(self)

        tls.start(secured, lambda _: self._over(), timeout_s=HANDSHAKE_S)

    def _complain(self, words: str) -> None:
        self._steps.place.witness.complain(self._steps.place.name, self.client, words)

    # --- reading

    def _step(self) -> bool:
        """Do one thing with what has come; False when there is not enough of it."""
        if self._dotted is not None:
            return self._read_dotted(self._dotted)
        if self._chunk is not None:
            return self._read_chunk(*self._chunk)
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > LINE_BYTES:
                self._complain(f"sent a line of more than {LINE_BYTES} octets")
                self._speak(Answer("500 5.5.2 Line too long", Then.CLOSE))
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self._command(line)
        return True

    def _read_dotted(self, dotted: Dotted) -> bool:
        found = dotted.feed(self._buffer)
        self._buffer.clear()
        if found is None:
            return False
        assert self._letter is not None
        self._dotted = None
        self._letter.content, rest = found
        self._buffer += rest
        if has_bare_line_end(self._letter.content):
            self._complain("sent a CR or LF that stands alone in a message")
        self._end(self._letter)
        return True

    def _read_chunk(self, left: int, is_last: bool) -> bool:
        taken = bytes(self._buffer[:left])
        del self._buffer[:left]
        letter = self._letter
        if letter is not None:
            letter.content += taken
        self._chunk = (left - len(taken), is_last)
        if len(taken) < left:
            return False
        self._chunk = None
        if letter is None or not letter.recipients:
            self._speak(Answer("503 5.5.1 No valid recipients"))
        elif is_last:
            self._end(letter)
        else:
            self._speak(Answer("250 2.0.0 Chunk taken"))
        return True

    def _end(self, letter: Letter) -> None:
        self._letter = None
        if not self._is_8bit_allowed(letter):
            self._complain("sent 8-bit content without declaring it")
        answer = self._steps.end(self, letter)
        if answer.wait_s:
            # Said only once the wait is over; the client may be gone by then.
            self._is_waiting = True
            self._flush()
            self._timer = self._loop.call_later(answer.wait_s, self._end_late, letter, answer)
        else:
            self._end_now(letter, answer)

    def _end_late(self, letter: Letter, answer: Answer) -> None:
        self._is_waiting = False
        self._end_now(letter, answer)
        self._go_on()

    def _end_now(self, letter: Letter, answer: Answer) -> None:
        self._speak(answer)
        if letter.handover is not None and answer.text and not self._is_over:
            letter.handover.fate, letter.handover.said_s = Fate.SAID, self.now_s
            self._owed = letter.handover

    def _is_8bit_allowed(self, letter: Letter) -> bool:
        return letter.content.isascii() or letter.parameters.get("BODY", "7BIT").upper() != "7BIT"

    # --- commands

    def _command(self, line: bytes) -> None:
        if b"\r" in line or b"\n" in line or b"\0" in line:
            self._complain(f"sent a command with a stray CR, LF or NUL: {line[:80]!r}")
        text = line.decode("utf-8", "replace")
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        if self._buffer and (verb in _LAST or "PIPELINING" not in self._steps.offered):
            self._complain(f"did not wait for the reply to {verb}")
        match verb:
            case "EHLO" | "HELO" | "LHLO" if verb in self._steps.greetings:
                self._hello(argument, is_extended=verb != "HELO")
            case "MAIL":
                self._mail(argument)
            case "RCPT":
                self._rcpt(argument)
            case "DATA":
                self._data()
            case "BDAT":
                self._bdat(argument)
            case "STARTTLS" if "STARTTLS" in self._steps.offered and not self.is_tls:
                self._answer(self._steps.starttls(self))
            case "RSET":
                self._letter = None
                self._speak(Answer("250 2.0.0 Forgotten"))
            case "NOOP":
                self._speak(Answer("250 2.0.0 Ok"))
            case "QUIT":
                self._speak(Answer("221 2.0.0 Bye", Then.CLOSE))
            case _:
                self._complain(f"sent a command that was not offered: {text[:80]!r}")
                self._speak(Answer("500 5.5.1 Unknown"))

    def _hello(self, argument: str, *, is_extended: bool) -> None:
        answer = self._steps.hello(self, is_extended=is_extended)
        if answer.is_positive:
            self.hello, self._letter = argument or "?", None
        self._answer(answer)

    def _mail(self, argument: str) -> None:
        found = _PATH.fullmatch(argument)
        if not self.hello or self._letter is not None or found is None:
            self._wrong("MAIL", argument)
            return
        parameters = self._parameters(found[2], _NEEDS)
        letter = Letter(found[1], parameters)
        self.messages += 1
        answer = self._steps.mail(self, letter)
        if answer.is_positive:
            self._letter = letter
        self._answer(answer)

    def _rcpt(self, argument: str) -> None:
        found = _PATH.fullmatch(argument)
        letter = self._letter
        if letter is None or found is None:
            # In a pipeline the client could not know yet that MAIL was refused (RFC 2920 §3.1).
            self._wrong("RCPT", argument)
            return
        self._parameters(found[2], _NEEDS_RCPT)
        answer = self._steps.rcpt(self, letter, found[1], found[2].strip())
        if answer.is_positive:
            letter.recipients.append((found[1], found[2].strip()))
        self._answer(answer)

    def _data(self) -> None:
        letter = self._letter
        if letter is None or not letter.recipients:
            self._speak(Answer("503 5.5.1 No valid recipients"))
            return
        answer = self._steps.data(self, letter)
        if answer.text.startswith("354"):
            self._dotted = Dotted()
        self._answer(answer)

    def _bdat(self, argument: str) -> None:
        size, _, last = argument.partition(" ")
        if "CHUNKING" not in self._steps.offered or not size.isdecimal():
            self._wrong("BDAT", argument)
            return
        self._chunk = (int(size), last.strip().upper() == "LAST")

    def _wrong(self, verb: str, argument: str) -> None:
        if "PIPELINING" not in self._steps.offered:
            self._complain(f"sent {verb} out of order or wrong: {argument[:80]!r}")
        self._speak(Answer("503 5.5.1 Not now, or not so"))

    def _parameters(self, text: str, needs: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for word in text.split():
            keyword, _, value = word.partition("=")
            found[keyword.upper()] = value
            need = needs.get(keyword.upper())
            if need is None or need not in self._steps.offered:
                self._complain(f"used the parameter {word[:40]!r}, which was not offered")
            grammar = _VALUES.get(keyword.upper())
            if grammar is not None and grammar.fullmatch(value) is None:
                self._complain(f"gave a parameter a value that it cannot have: {word[:40]!r}")
        return found
