"""A receiving server that shares no code with mailrail, keeps what it was given, and misbehaves by script.

    def script(step):
        if step.verb == "RCPT" and step.argument.startswith("TO:<gone@"):
            return "550 5.1.1 no such user"
        return None  # as usual

    with Receiver(script=script) as receiver:
        ...
        (mail,) = receiver.wait_for(1)

It keeps the octets of the content as they came over the wire, dots un-stuffed, nothing else touched. A thread
for each session: plain enough to be believed.
"""

import contextlib
import socket
import socketserver
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Self

from tests.support.peers.processes import PAUSE_S, PeerError

DROP: Final = "drop the connection"
EXTENSIONS: Final = ("PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")
LINE_OCTETS: Final = 1_000_000
SESSION_TIMEOUT_S: Final = 60.0
WAIT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the client did.

    Attributes:
        verb: CONNECT, EHLO, MAIL, RCPT, DATA, "." for the end of the content, ...
        argument: the rest of the line.
        count: how often this verb was seen by this server, this time included.
        sender: argument of the running MAIL.
    """

    verb: str
    argument: str
    count: int
    sender: str


Script = Callable[[Step], str | None]


@dataclass(frozen=True, slots=True)
class Mail:
    """One message that was answered 250 (or whose answer the script withheld).

    Attributes:
        sender, recipients: arguments of MAIL and of each accepted RCPT, parameters included.
        content: as on the wire, dots un-stuffed.
        is_tls: it came under TLS.
        reply: what we answered to its end.
    """

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    is_tls: bool
    reply: str

    @property
    def header(self) -> bytes:
        """The header section."""
        return self.content.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        """What comes after the header section."""
        return self.content.partition(b"\r\n\r\n")[2]

    @property
    def below_trace(self) -> bytes:
        """The content without the Received field that the last hop put on top."""
        assert self.content.startswith(b"Received:"), self.content[:200]
        end = 0
        while True:
            end = self.content.index(b"\r\n", end) + 2
            if self.content[end : end + 1] not in (b" ", b"\t"):
                return self.content[end:]


def as_usual(_: Step) -> str | None:
    """Script of a server that takes everything."""
    return None


@dataclass(slots=True)
class _Transaction:
    sender: str = ""
    recipients: list[str] = field(default_factory=list)


class Receiver:
    """The server; a context manager.

    Args:
        script: may answer each step otherwise: a whole reply, DROP, or None for the usual one.
        extensions: lines of the answer to EHLO; none at all refuses EHLO, so that HELO must do.
        tls: server context; STARTTLS is offered with it.
        host, port: where to listen; port 0 takes a free one.
        on_mail: takes each message instead of `mail`, one at a time; for those too many to keep.
    """

    def __init__(
        self,
        *,
        script: Script = as_usual,
        extensions: Sequence[str] = EXTENSIONS,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        on_mail: Callable[[Mail], None] | None = None,
    ) -> None:
        self.script = script
        self.extensions = tuple(extensions)
        self.tls = tls
        self.mail: list[Mail] = []
        self.verbs: Counter[str] = Counter()
        self.lines: list[str] = []
        self._on_mail = on_mail or self.mail.append
        self._lock = threading.Lock()
        self._server = _Listener((host, port), self)
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """`host:port`, as settings files want it."""
        return f"{self.host}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.end_sessions()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, count: int = 1, timeout_s: float = WAIT_S) -> list[Mail]:
        """Wait until *count* messages have been taken and return all there are.

        Raises:
            PeerError: fewer came in time.
        """
        deadline = time.monotonic() + timeout_s
        while len(self.mail) < count:
            if time.monotonic() > deadline:
                raise PeerError(
                    f"{len(self.mail)} of {count} messages in {timeout_s} s; heard: {self.lines[-20:]}"
                )
            time.sleep(PAUSE_S)
        return list(self.mail)

    # --- For the sessions -------------------------------------------------------------

    def note(self, verb: str, line: str) -> int:
        """Write down a step and return how often its verb was seen."""
        with self._lock:
            self.verbs[verb] += 1
            self.lines.append(line)
            return self.verbs[verb]

    def keep(self, mail: Mail) -> None:
        """Take a message."""
        with self._lock:
            self._on_mail(mail)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], receiver: Receiver) -> None:
        self.receiver = receiver
        self.open: set[socket.socket] = set()
        super().__init__(address, _Session)

    def end_sessions(self) -> None:
        """Cut what is still connected."""
        for connection in list(self.open):
            _shut(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that were killed in the middle: that is what some tests do."""


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Session(socketserver.BaseRequestHandler):
    server: _Listener

    def setup(self) -> None:
        self._receiver = self.server.receiver
        self._connection: socket.socket = self.request
        self._connection.settimeout(SESSION_TIMEOUT_S)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._raw = self._connection
        self.server.open.add(self._raw)
        self._stream: BinaryIO = self._connection.makefile("rb")
        self._transaction = _Transaction()
        self._is_tls = False

    def finish(self) -> None:
        self.server.open.discard(self._raw)
        self._stream.close()
        _shut(self._connection)
        self._connection.close()

    def handle(self) -> None:
        if not self._answer("CONNECT", "", "220 receiver.example ESMTP"):
            return
        while line := self._stream.readline(LINE_OCTETS):
            verb, _, argument = line.decode("utf-8", "surrogateescape").rstrip("\r\n").partition(" ")
            if not self._obey(verb.upper(), argument):
                return

    def _obey(self, verb: str, argument: str) -> bool:
        match verb:
            case "EHLO" if self._receiver.extensions:
                return self._answer(verb, argument, self._offer())
            case "HELO":
                return self._answer(verb, argument, "250 receiver.example")
            case "MAIL":
                return self._mail(argument)
            case "RCPT":
                return self._rcpt(argument)
            case "DATA" if self._transaction.recipients:
                return self._data(argument)
            case "DATA":
                return self._answer(verb, argument, "554 5.5.1 no valid recipients")
            case "RSET":
                self._transaction = _Transaction()
                return self._answer(verb, argument, "250 2.0.0 ok")
            case "STARTTLS" if self._receiver.tls is not None and not self._is_tls:
                return self._starttls(argument)
            case "QUIT":
                self._answer(verb, argument, "221 2.0.0 bye")
                return False
            case _:
                return self._answer(verb, argument, "502 5.5.1 not here")

    def _offer(self) -> str:
        lines = ["receiver.example", *self._receiver.extensions]
        if self._receiver.tls is not None and not self._is_tls:
            lines.append("STARTTLS")
        last = len(lines) - 1
        return "\r\n".join(f"250{' ' if n == last else '-'}{line}" for n, line in enumerate(lines))

    def _mail(self, argument: str) -> bool:
        reply = self._decide("MAIL", argument, "250 2.1.0 ok")
        self._transaction = _Transaction(argument if reply.startswith("2") else "")
        return self._say(reply)

    def _rcpt(self, argument: str) -> bool:
        usual = "250 2.1.5 ok" if self._transaction.sender else "503 5.5.1 MAIL first"
        reply = self._decide("RCPT", argument, usual)
        if reply.startswith("2"):
            self._transaction.recipients.append(argument)
        return self._say(reply)

    def _data(self, argument: str) -> bool:
        reply = self._decide("DATA", argument, "354 go on")
        if not self._say(reply) or not reply.startswith("354"):
            return reply != DROP
        content = self._content()
        if content is None:
            return False
        reply = self._decide(".", "", "250 2.0.0 taken")
        transaction, self._transaction = self._transaction, _Transaction()
        mail = Mail(transaction.sender, tuple(transaction.recipients), content, self._is_tls, reply)
        if reply.startswith("2") or reply == DROP:
            self._receiver.keep(mail)
        return self._say(reply)

    def _content(self) -> bytes | None:
        lines: list[bytes] = []
        while line := self._stream.readline(LINE_OCTETS):
            # Only the real end ends, so that a smuggled one would be seen in the content.
            if line == b".\r\n" and (not lines or lines[-1].endswith(b"\r\n")):
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)
        return None

    def _starttls(self, argument: str) -> bool:
        if not self._answer("STARTTLS", argument, "220 2.0.0 go on"):
            return False
        assert self._receiver.tls is not None
        self._connection = self._receiver.tls.wrap_socket(self._connection, server_side=True)
        self._stream = self._connection.makefile("rb")
        self._is_tls = True
        self._transaction = _Transaction()
        return True

    # --- Answers ----------------------------------------------------------------------

    def _decide(self, verb: str, argument: str, usual: str) -> str:
        count = self._receiver.note(verb, f"{verb} {argument}".rstrip())
        return self._receiver.script(Step(verb, argument, count, self._transaction.sender)) or usual

    def _answer(self, verb: str, argument: str, usual: str) -> bool:
        return self._say(self._decide(verb, argument, usual))

    def _say(self, reply: str) -> bool:
        """Say *reply*; False when the session is over."""
        if reply == DROP:
            return False
        self._connection.sendall(reply.encode() + b"\r\n")
        return not reply.startswith("421")
