"""Floor 4 · pickup — a socket at the maildrop: whoever has handed in a file names it, which wakes us, and hears what has become of it.

Nothing depends on it: who is not heard is served by the next look into the directory. So all is bounded, and what is too
much is turned away.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from mailrail.maildrop import NAME_LETTERS, is_name
from mailrail.model import NetError, Reply
from mailrail.net import Connection, Endpoint, Listener, Network

SESSIONS: Final = 200  # ours; programs that wait at a time
WAIT_S: Final = 20.0  # ours; longer than the programs wait
EXPECT_S: Final = 1.0  # ours; a program knocks at once
CONFIRM_S: Final = 5.0  # ours; programs confirm at once
_LINE_OCTETS: Final = NAME_LETTERS + 2


class Door:
    """Listens at *path*.

    Args:
        is_open_to_all: mode 0666 instead of 0600.
    """

    def __init__(self, network: Network, path: Path, *, is_open_to_all: bool) -> None:
        self._network = network
        self._endpoint = Endpoint(str(path), 0)
        self._mode = 0o666 if is_open_to_all else 0o600
        self._listener: Listener | None = None
        self._knocked = asyncio.Event()
        self._visitors: set[_Visitor] = set()
        self._waiting: dict[str, _Visitor] = {}
        self._expected: dict[str, asyncio.Future[_Visitor]] = {}
        self._told: dict[str, Reply] = {}

    def open(self) -> None:
        """Listen.

        Raises:
            OSError: the socket cannot be made.
        """
        try:
            self._listener = self._network.listen(self._endpoint, self._accept, unix_mode=self._mode)
        except NetError as error:
            raise OSError(0, str(error)) from error

    def close(self) -> None:
        """Listen no more, and answer nobody."""
        if self._listener is not None:
            self._listener.close()
        for visitor in list(self._visitors):
            self._leave(visitor)

    async def knock(self, timeout_s: float) -> None:
        """Wait until somebody knocks, at most *timeout_s*."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._knocked.wait()
        self._knocked.clear()

    async def tell(self, name: str, reply: Reply) -> bool:
        """Tell whoever handed in the file *name*, and return whether he has surely heard it.

        He may come a moment after his file was found. What is good for him to hear is kept ready; for a refusal he is waited for.
        """
        visitor = self._waiting.get(name)
        if visitor is None and reply.is_permanent:
            visitor = await self._expect(name)
        if visitor is None:
            self._remember(name, reply)
            return False
        try:
            return await visitor.tell(reply)
        finally:
            self._leave(visitor)

    async def _expect(self, name: str) -> "_Visitor | None":
        come: asyncio.Future[_Visitor] = asyncio.get_running_loop().create_future()
        self._expected[name] = come
        try:
            async with asyncio.timeout(EXPECT_S):
                return await come
        except TimeoutError:
            return None
        finally:
            del self._expected[name]

    def _remember(self, name: str, reply: Reply) -> None:
        if reply.is_permanent:
            return
        self._told[name] = reply
        if len(self._told) > SESSIONS:
            del self._told[next(iter(self._told))]

    def _accept(self, connection: Connection) -> None:
        if len(self._visitors) >= SESSIONS:
            connection.abort()
            return
        self._visitors.add(_Visitor(connection, self._come, self._leave))

    def _come(self, visitor: "_Visitor", name: str) -> None:
        if not is_name(name) or name in self._waiting:
            self._leave(visitor)
        elif (reply := self._told.pop(name, None)) is not None:
            visitor.say(reply)
            self._leave(visitor)
        else:
            self._waiting[name] = visitor
            self._knocked.set()
            if (come := self._expected.get(name)) is not None and not come.done():
                come.set_result(visitor)

    def _leave(self, visitor: "_Visitor") -> None:
        self._visitors.discard(visitor)
        if self._waiting.get(visitor.name) is visitor:
            del self._waiting[visitor.name]
        visitor.leave()


class _Visitor:
    """Somebody at the door: says a name, hears a reply, and confirms a bad one."""

    def __init__(
        self,
        connection: Connection,
        come: Callable[["_Visitor", str], None],
        leave: Callable[["_Visitor"], None],
    ) -> None:
        self.name = ""
        self._connection = connection
        self._come = come
        self._leave = leave
        self._text = b""
        self._heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._timer = asyncio.get_running_loop().call_later(WAIT_S, leave, self)
        connection.attach(self)

    def received(self, data: bytes, /) -> None:
        """Take the name, then the confirmation."""
        self._text += data
        if len(self._text) > _LINE_OCTETS:
            self._leave(self)
            return
        line, end, rest = self._text.partition(b"\n")
        if not end:
            return
        self._text = rest
        if not self.name:
            self.name = line.decode("ascii", "replace")
            self._come(self, self.name)
        elif not self._heard.done():
            self._heard.set_result(True)

    def writable(self) -> None:
        """Nothing that is written is so long that it waits."""

    def ended(self, error: NetError | None, /) -> None:
        """He is gone."""
        self._leave(self)

    def say(self, reply: Reply) -> None:
        """Say *reply*."""
        self._connection.write(f"{reply.code} {reply.enhanced_code} {one_line(reply.text)}\n".encode())

    async def tell(self, reply: Reply) -> bool:
        """Say *reply*; who gives up at that moment would not hear it, so a refusal counts once it is confirmed."""
        self.say(reply)
        if not reply.is_permanent:
            return True
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(CONFIRM_S, self._leave, self)
        return await self._heard

    def leave(self) -> None:
        """Let him go; idempotent."""
        self._timer.cancel()
        if not self._heard.done():
            self._heard.set_result(False)
        self._connection.close()


def one_line(text: str) -> str:
    """Return *text* on one line."""
    return " / ".join(text.splitlines())
