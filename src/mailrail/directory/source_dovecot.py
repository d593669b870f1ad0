"""Floor 3 · directory — users of a Dovecot, asked at its authentication socket.

Dovecot calls it the client side of its authentication protocol (version 1); Postfix and Exim speak it too. Lines of words between tabs: each
side says its version, the server ends its greeting with DONE, and one AUTH by PLAIN gets one OK or FAIL. A connection serves one question: logins are
few, and nothing has to be kept in step. Whatever else happens is "not now", never yes or no.

*Source:* doc.dovecot.org, "Dovecot Authentication Protocol".
"""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from mailrail.directory.api import DirectoryError
from mailrail.directory.user import User, login_name
from mailrail.model import NetError, Rng
from mailrail.net import Connection, Endpoint, Network
from mailrail.sasl import PreparationError

_ANSWER_S: Final = 15.0  # Dovecot answers a wrong password late on purpose: auth_failure_delay, 2 s
_LINE_OCTETS: Final = 16_384  # what the protocol expects at most
_GREETING_LINES: Final = 100
_MAJOR: Final = "1"
_TEMPORARY: Final = frozenset({"temp", "code=temp_fail"})
T = TypeVar("T")


class DovecotSource:
    """Implements Source; knows nobody without a password."""

    has_keys = False
    knows_names = False

    def __init__(self, network: Network, socket: Path, rng: Rng) -> None:
        self._network = network
        self._socket = socket
        self._rng = rng

    def version(self) -> None:
        """Tell nothing: only time makes a remembered password be checked again."""

    async def check_password(self, name: str, password: str) -> User | None:
        """Return the user if the password is right."""
        return await self._talk(lambda connection: self._ask(connection, name, password))

    async def _talk(self, say: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(_ANSWER_S):
                connection = await self._network.connect(Endpoint(str(self._socket), 0), timeout_s=_ANSWER_S)
                try:
                    return await say(connection)
                finally:
                    connection.abort()
        except NetError as error:
            raise DirectoryError(f"Dovecot at {self._socket}: {error}") from error
        except TimeoutError:
            raise DirectoryError(f"Dovecot at {self._socket} does not answer") from None

    async def _ask(self, connection: Connection, name: str, password: str) -> User | None:
        lines = await self._greeted(connection)
        response = b64encode(f"\0{name}\0{password}".encode()).decode()
        connection.write(f"AUTH\t1\tPLAIN\tservice=smtp\tsecured\tnologin\tresp={response}\n".encode())
        match await lines.next():
            case ["OK", "1", *words]:
                return _user(words, name)
            case ["FAIL", "1", *words] if _TEMPORARY.isdisjoint(words):
                return None
            case ["FAIL", "1", *_]:
                raise DirectoryError("Dovecot cannot know now; its log says why")
            case other:
                raise DirectoryError(f"Dovecot answered {other[0]!r} to a login")

    async def _greeted(self, connection: Connection) -> "_Lines":
        lines = _Lines(connection)
        # Each connection must have an id of its own, or Dovecot takes it for a comrade that came back.
        connection.write(f"VERSION\t{_MAJOR}\t1\nCPID\t{self._rng.getrandbits(31) or 1}\n".encode())
        for _ in range(_GREETING_LINES):
            match await lines.next():
                case ["VERSION", major, *_] if major != _MAJOR:
                    raise DirectoryError(f"Dovecot speaks version {major} of its protocol, not {_MAJOR}")
                case ["DONE"]:
                    return lines
        raise DirectoryError(
            "a greeting without an end: is this Dovecot's socket for authentication clients?"
        )

    async def find(self, name: str) -> User | None:
        """Find nobody: Dovecot is asked about passwords only."""
        return None

    async def probe(self) -> bool:
        """Shake hands, and ask about nobody."""
        await self._talk(self._greeted)
        return True

    def describe(self) -> str:
        """Say where it is."""
        return f"Dovecot at {self._socket}"

    async def close(self) -> None:
        """Hold nothing."""


def _user(words: list[str], name: str) -> User:
    """Return who it is: Dovecot may spell a name otherwise, or know somebody by another one."""
    found = next((word.removeprefix("user=") for word in words if word.startswith("user=")), name)
    try:
        return User(login_name(found))
    except PreparationError as error:
        raise DirectoryError(f"Dovecot gave a name that cannot be one: {error}") from None


class _Lines:
    """A Receiver that gives out lines as the words between their tabs; bounded."""

    def __init__(self, connection: Connection) -> None:
        self._buffer = b""
        self._is_over = False
        self._change = asyncio.Event()
        connection.attach(self)

    def received(self, data: bytes, /) -> None:
        """Take bytes."""
        self._buffer += data
        self._is_over = self._is_over or len(self._buffer) > _GREETING_LINES * _LINE_OCTETS
        self._change.set()

    def writable(self) -> None:
        """Go on: what we write is a few hundred octets."""

    def ended(self, error: NetError | None, /) -> None:
        """Know that no more comes."""
        self._is_over = True
        self._change.set()

    async def next(self) -> list[str]:
        """Return the words of the next line.

        Raises:
            DirectoryError: there is none, or one that is none.
        """
        while b"\n" not in self._buffer:
            if self._is_over or len(self._buffer) > _LINE_OCTETS:
                raise DirectoryError("Dovecot ended the connection")
            self._change.clear()
            await self._change.wait()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode("utf-8", "replace").split("\t")
