"""A loop that only writes down what it is asked for, and sockets that say what a test wants."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from mailrail.net import NetSettings
from mailrail.net.stream import Shared
from mailrail.net.turn import Turn


class FakeTimer:
    """A call that is due later."""

    def __init__(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.delay_s = delay_s
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeLoop:
    """Remembers readers, writers and timers; the test calls them."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], None]] = {}
        self.writers: dict[int, Callable[[], None]] = {}
        self.timers: list[FakeTimer] = []
        self.soon: list[Callable[[], None]] = []
        self.troubles: list[dict[str, Any]] = []

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        self.readers[fd] = callback

    def remove_reader(self, fd: Any) -> bool:
        return self.readers.pop(fd, None) is not None

    def add_writer(self, fd: Any, callback: Any, *args: Any) -> None:
        self.writers[fd] = callback

    def remove_writer(self, fd: Any) -> bool:
        return self.writers.pop(fd, None) is not None

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        self.timers.append(FakeTimer(delay, callback))
        return self.timers[-1]

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> None:
        self.soon.append(callback)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.troubles.append(context)

    def shared(self, settings: NetSettings, *, is_one_shot: bool = False) -> Shared:
        """What connections on this loop share."""
        loop = cast(asyncio.AbstractEventLoop, self)  # has the few methods used
        shared = Shared(loop, settings, Turn(loop))
        shared.is_one_shot = is_one_shot
        return shared


class FakeSocket:
    """A non-blocking socket: each list is what its calls give next; an exception is raised, an empty list blocks."""

    def __init__(self, number: int = 7) -> None:
        self.number = number
        self.incoming: list[bytes | OSError] = []
        self.takes: list[int | OSError] = []  # how much each send takes
        self.accepts: list[Any] = []
        self.sent = b""
        self.reads = 0
        self.state = "open"  # then "shut", "closed"
        self.options: list[tuple[int, int, Any]] = []

    def fileno(self) -> int:
        return self.number

    def getsockname(self) -> tuple[str, int]:
        return ("192.0.2.1", 25)

    def setblocking(self, flag: bool) -> None:
        assert not flag

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        self.options.append((level, option, value))

    def recv(self, most: int) -> bytes:
        self.reads += 1
        if not self.incoming:
            raise BlockingIOError
        item = self.incoming.pop(0)
        if isinstance(item, OSError):
            raise item
        assert len(item) <= most
        return item

    def _take(self, data: bytes) -> int:
        if not self.takes:
            raise BlockingIOError
        count = self.takes.pop(0)
        if isinstance(count, OSError):
            raise count
        self.sent += data[:count]
        return min(count, len(data))

    def send(self, data: bytes) -> int:
        return self._take(data)

    def sendmsg(self, pieces: list[bytes]) -> int:
        return self._take(b"".join(pieces))

    def accept(self) -> tuple["FakeSocket", object]:
        if not self.accepts:
            raise BlockingIOError
        item = self.accepts.pop(0)
        if isinstance(item, OSError):
            raise item
        return item, ("198.51.100.7", 1024)

    def shutdown(self, how: int) -> None:
        self.state = "shut"

    def close(self) -> None:
        self.state = "closed"
