"""Floor 5 · daemon — which of the workers a process is."""

import socket
from dataclasses import dataclass
from pathlib import Path

from mailrail.server import Seat


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One of the processes that share the work; by default the only one.

    Attributes:
        number: which one; part of each queue id that it makes. Number 0 does what is to be done once.
        rank: which part of what is split it gets.
        parts: how many there are.
        is_leftover: it takes no new mail, and ends when its spool is empty.
        is_again: it takes the place of one that died: the settings may have been read again meanwhile.
        main_pid: the process to send signals to; 0: this one.
        seat: where the others' sessions are seen; None: there are no others.
        home: directory of what all share; None: the spool's.
        hears: datagrams of the other workers come here; None: there are none.
        tells: where each of the others hears.
        key: what all workers have in common and nobody else knows; b"": there is none.
        lifeline: closed at the other end when the supervisor is gone; None: there is none.
    """

    number: int = 0
    rank: int = 0
    parts: int = 1
    is_leftover: bool = False
    is_again: bool = False
    main_pid: int = 0
    seat: Seat | None = None
    home: Path | None = None
    hears: socket.socket | None = None
    tells: tuple[socket.socket, ...] = ()
    key: bytes = b""
    lifeline: socket.socket | None = None

    def is_ahead(self) -> bool:
        """Tell whether this worker has more sessions than its share."""
        return self.seat is not None and self.seat.is_ahead()

    @property
    def is_alone(self) -> bool:
        """Tell whether there is no supervisor."""
        return self.lifeline is None


ALONE = Worker()
