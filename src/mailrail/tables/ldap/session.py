"""Floor 2 · tables.ldap — one connection to a server: asks one thing at a time.

Whatever is not as RFC 4511 has it ends the connection: nothing of it can be believed any more.
"""

import asyncio
import ssl
from typing import Final

from mailrail.model import NetError
from mailrail.net import Connection, secure
from mailrail.tables.api import TableError
from mailrail.tables.ldap import messages
from mailrail.tables.ldap.ber import SEQUENCE, BerError, size_of
from mailrail.tables.ldap.messages import Entry, Result, Search
from mailrail.tables.links import LinkLost

_MOST_OCTETS: Final = 4 * 1024 * 1024  # ours, of all answers to one question
_REFUSED: Final = frozenset({messages.INVALID_CREDENTIALS, messages.INAPPROPRIATE_AUTHENTICATION})


class Session:
    """Implements Link, and is the Receiver of its connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = bytearray()
        self._taken = 0
        self._number = 0
        self._trouble = ""
        self._change = asyncio.Event()
        connection.attach(self)

    # --- Receiver -----------------------------------------------------------------------------

    def received(self, data: bytes, /) -> None:
        """Take bytes."""
        self._buffer += data
        if self._taken + len(self._buffer) > _MOST_OCTETS:
            self._lose(f"the answer has more than {_MOST_OCTETS} octets")
        self._change.set()

    def writable(self) -> None:
        """Go on: what we write is a few hundred octets."""

    def ended(self, error: NetError | None, /) -> None:
        """Know that no more comes."""
        self._lose(str(error) if error else "the server ended the connection")

    def _lose(self, trouble: str) -> None:
        self._trouble = self._trouble or trouble
        self._connection.abort()
        self._change.set()

    # --- Questions ----------------------------------------------------------------------------

    async def start_tls(self, context: ssl.SSLContext, server_name: str, timeout_s: float) -> "Session":
        """Go on under TLS, in the session that is returned.

        Raises:
            TableError: the server will not, or is not who it must be.
        """
        _, result = await self._ask(messages.start_tls())
        if result.code != messages.SUCCESS:
            raise TableError(f"StartTLS is refused: {result}")
        if self._buffer:  # what somebody slipped in before the handshake must never be taken for the server's
            raise TableError("there is more behind the answer to StartTLS")
        tls, _info = await secure(self._connection, context, server_name, timeout_s=timeout_s)
        return Session(tls)

    async def bind(self, dn: str, password: str) -> bool:
        """Tell whether *password* is that of *dn*; the session is this entry's from then on, or nobody's.

        The password must not be empty: an empty one is no proof but a wish to be nobody, which servers grant (RFC 4513 §5.1.2).

        Raises:
            TableError: it cannot be known now.
        """
        assert password, "an empty password proves nothing"
        _, result = await self._ask(messages.bind(dn, password))
        if result.code in _REFUSED:
            return False
        if result.code != messages.SUCCESS:
            raise TableError(f"the bind as {dn} ended with {result}")
        return True

    async def search(self, wanted: Search) -> list[Entry]:
        """Return the entries that are there; none where the base is not there either.

        Raises:
            TableError: they cannot be known now, or are too many.
        """
        entries, result = await self._ask(messages.search(wanted))
        if result.code == messages.NO_SUCH_OBJECT:
            return []
        if result.code == messages.SIZE_LIMIT_EXCEEDED:
            raise TableError(f"more than {wanted.most} entries below {wanted.base}")
        if result.code != messages.SUCCESS:
            raise TableError(f"the search below {wanted.base} ended with {result}")
        return entries

    async def close(self) -> None:
        """Say goodbye if that is possible, and let go."""
        if not self._trouble:
            self._connection.write(messages.message(self._number + 1, messages.unbind()))
            self._connection.close(is_mutual=True)

    async def _ask(self, operation: bytes) -> tuple[list[Entry], Result]:
        self._number += 1
        self._taken = 0
        self._connection.write(messages.message(self._number, operation))
        entries: list[Entry] = []
        while True:
            try:
                number, answer = messages.read_message(await self._message())
            except BerError as error:
                self._lose(f"the server does not speak LDAP: {error}")
                raise LinkLost(self._trouble) from None
            if number == 0:  # RFC 4511 §4.4.1: a notice of disconnection
                self._lose(f"the server ends the connection: {answer}")
                raise LinkLost(self._trouble)
            if number != self._number:
                continue
            if isinstance(answer, Entry):
                entries.append(answer)
            elif isinstance(answer, Result):
                return entries, answer

    async def _message(self) -> bytes:
        while True:
            if self._buffer and self._buffer[0] != SEQUENCE:
                raise BerError(f"a message that begins with {bytes(self._buffer[:20])!r}")
            size = size_of(self._buffer)
            if size is not None and size > _MOST_OCTETS:
                raise BerError(f"a message of {size} octets")
            if size is not None and size <= len(self._buffer):
                whole = bytes(self._buffer[:size])
                del self._buffer[:size]
                self._taken += size
                return whole
            if self._trouble:
                raise LinkLost(self._trouble)
            self._change.clear()
            await self._change.wait()
