"""Floor 2 · net — which sockets can be read or written: all of them on one epoll, which the loop watches as one.

An event that asyncio finds goes through a selector's key, a Handle and a Context before the socket is read: five
thousand instructions, six times a message. Here it is one look-up and one call. An epoll can be watched like a
socket, so loops stay what they are and know of one reader; where the system has no epoll, the loop itself does this.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final, Protocol

from mailrail.net.turn import Turn

_INPUT: Final = 1  # EPOLLIN and EPOLLOUT (epoll_ctl(2)), which not every system's module has
_ROOM: Final = 4
_EVENTS_PER_TURN: Final = (
    64  # each may bring a read's worth of bytes; what is left comes first in the next turn
)


class Watch(Protocol):
    """Calls back while a socket can be read or written; an event loop is one."""

    def add_reader(self, fd: int, callback: Callable[[], object], /) -> object:
        """Call *callback* whenever *fd* can be read."""
        ...

    def remove_reader(self, fd: int, /) -> object:
        """Watch for input no more; before the socket is closed."""
        ...

    def add_writer(self, fd: int, callback: Callable[[], object], /) -> object:
        """Call *callback* whenever *fd* can be written."""
        ...

    def remove_writer(self, fd: int, /) -> object:
        """Watch for room no more; before the socket is closed."""
        ...


def watch_on(loop: asyncio.AbstractEventLoop, turn: Turn) -> Watch:
    """Return the cheapest watch there is for sockets served on *loop*."""
    return EpollWatch(loop, turn) if hasattr(select, "epoll") else loop


class EpollWatch:
    """A Watch of its own (Linux), which tells a turn's events together and then ends it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turn: Turn) -> None:
        self._loop = loop
        self._turn = turn
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], object]] = {}
        self._writers: dict[int, Callable[[], object]] = {}
        self._masks: dict[int, int] = {}

    def add_reader(self, fd: int, callback: Callable[[], object], /) -> None:
        """Call *callback* whenever *fd* can be read, has ended or has failed."""
        self._readers[fd] = callback
        self._set(fd, self._masks.get(fd, 0) | select.EPOLLIN)

    def remove_reader(self, fd: int, /) -> None:
        """Watch for input no more; before the socket is closed."""
        if self._readers.pop(fd, None) is not None:
            self._set(fd, self._masks[fd] & ~select.EPOLLIN)

    def add_writer(self, fd: int, callback: Callable[[], object], /) -> None:
        """Call *callback* whenever *fd* can be written, or has failed."""
        self._writers[fd] = callback
        self._set(fd, self._masks.get(fd, 0) | select.EPOLLOUT)

    def remove_writer(self, fd: int, /) -> None:
        """Watch for room no more; before the socket is closed."""
        if self._writers.pop(fd, None) is not None:
            self._set(fd, self._masks[fd] & ~select.EPOLLOUT)

    def _set(self, fd: int, mask: int) -> None:
        masks = self._masks
        if not masks:
            self._loop.add_reader(self._epoll.fileno(), self._look)
        if not mask:
            del masks[fd]
            self._epoll.unregister(fd)
            if not masks:
                self._loop.remove_reader(self._epoll.fileno())
        elif fd in masks:
            masks[fd] = mask
            self._epoll.modify(fd, mask)
        else:
            masks[fd] = mask
            self._epoll.register(fd, mask)

    def _look(self) -> None:
        """Call whom the system has something for; whoever is gone since is not called."""
        readers, writers = self._readers, self._writers
        found = self._epoll.poll(0, _EVENTS_PER_TURN)
        self._turn.is_ending = True
        try:
            for fd, events in found:
                try:
                    if events == _INPUT:  # nearly always
                        readers.get(fd, _nobody)()
                        continue
                    # An end or a failure is news for both.
                    if events != _ROOM:
                        readers.get(fd, _nobody)()
                    writers.get(fd, _nobody)()
                except Exception as error:  # as the loop does for a callback of its own
                    self._loop.call_exception_handler(
                        {"message": f"a callback for socket {fd} failed", "exception": error}
                    )
        finally:
            self._turn.end()


def _nobody() -> None:
    """Take what is for nobody any more."""
