"""Floor 5 · daemon — what one worker has counted, told to the others, so that a limit of failures holds for all of them together.

One datagram for each change, to each of the others, on this machine and without waiting. What a worker cannot take because it is
stuck is lost: it counts less then, never more.
"""

import asyncio
import contextlib
import socket
from typing import Final

import msgspec

from mailrail.daemon.worker import Worker
from mailrail.policy import Buckets, Poured

_MOST_OCTETS: Final = 8192  # a key has at most some hundreds
_AT_ONCE: Final = 100
_DECODER: Final = msgspec.msgpack.Decoder(Poured)


def pairs(count: int) -> list[tuple[socket.socket, socket.socket]]:
    """Return for each of *count* workers where it hears, and where the others tell it."""
    made = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count)]
    for pair in made:
        for sock in pair:
            sock.setblocking(False)
    return made


class Hearsay:
    """Tells the other workers."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def tell(self, change: Poured) -> None:
        """Tell the others of *change*."""
        octets = msgspec.msgpack.encode(change)
        for sock in self._worker.tells:
            with contextlib.suppress(OSError):
                sock.send(octets)

    def listen(self, buckets: Buckets) -> None:
        """Repeat in *buckets* what the others tell; within the running loop."""
        hears = self._worker.hears
        if hears is None:
            return

        def heard() -> None:
            with contextlib.suppress(BlockingIOError):
                for _ in range(_AT_ONCE):
                    buckets.repeat(_DECODER.decode(hears.recv(_MOST_OCTETS)))

        asyncio.get_running_loop().add_reader(hears, heard)
