"""Floor 2 · server — what several processes that serve the same clients tell one another.

A board is shared memory, made before the processes part. Each process has a seat and writes to its own part alone, so
nothing is locked; it reads those of all. A client stands in the cell that its name is hashed to: who shares a cell is
counted together, so a limit is never exceeded for that, and rarely reached too early (10,000 clients at one time: one
in seven shares its cell, and then both together must reach the limit). What two processes let in at the same moment
they may let in both: a limit can be exceeded by one connection a process.
"""

import mmap
from typing import Final

_CELLS: Final = 1 << 16  # ours; 1 MiB a seat, of which the system gives only the pages that were written to
_COUNT_BITS: Final = 32
_COUNT: Final = (1 << _COUNT_BITS) - 1
_OPEN_BYTES, _CAME_BYTES = 4 * _CELLS, 8 * _CELLS
_ROW_BYTES: Final = _OPEN_BYTES + _CAME_BYTES


class Board:
    """The shared memory of so many *seats*."""

    def __init__(self, seats: int) -> None:
        head = 16 * seats  # a multiple of eight, for what follows
        whole = memoryview(mmap.mmap(-1, head + seats * _ROW_BYTES))
        # For each seat: sessions now; and 1 while it takes connections.
        self.sessions = whole[: 8 * seats].cast("Q")
        self.taking = whole[8 * seats : head].cast("Q")
        starts = [head + seat * _ROW_BYTES for seat in range(seats)]
        self._rows = [whole[start : start + _ROW_BYTES] for start in starts]
        # By client: connections open; and the minute of the last one with how many came in it.
        self.open = [row[:_OPEN_BYTES].cast("I") for row in self._rows]
        self.came = [row[_OPEN_BYTES:].cast("Q") for row in self._rows]

    def seat(self, number: int) -> "Seat":
        """Return the place of one process."""
        return Seat(self, number)

    def clear(self, number: int) -> None:
        """Forget what a process wrote that is no more."""
        self.sessions[number] = self.taking[number] = 0
        self._rows[number][:] = bytes(_ROW_BYTES)


class Seat:
    """One process's place at a Board.

    Attributes:
        number: which one, from 0.
    """

    def __init__(self, board: Board, number: int) -> None:
        self.number = number
        self._sessions, self._taking = board.sessions, board.taking
        self._open, self._came = board.open[number], board.came[number]
        self._open_elsewhere = [cells for other, cells in enumerate(board.open) if other != number]
        self._came_elsewhere = [cells for other, cells in enumerate(board.came) if other != number]

    def take(self, *, is_taking: bool) -> None:
        """Say whether this process takes connections."""
        self._taking[self.number] = int(is_taking)

    def serve(self, sessions: int) -> None:
        """Say how many sessions this process has."""
        self._sessions[self.number] = sessions

    def elsewhere(self) -> int:
        """Return how many sessions the others have."""
        return sum(self._sessions) - self._sessions[self.number]

    def is_ahead(self) -> bool:
        """Tell whether this process has clearly more sessions than its share, so that others should come first."""
        total, takers = sum(self._sessions), sum(self._taking)
        return self._sessions[self.number] * takers > total + total // 8 + takers

    def opened(self, client: str) -> None:
        """Count a connection of *client*."""
        self._open[_cell(client)] += 1

    def closed(self, client: str) -> None:
        """Forget one that `opened` counted."""
        cell = _cell(client)
        self._open[cell] = max(self._open[cell] - 1, 0)

    def open_elsewhere(self, client: str) -> int:
        """Return how many connections of *client* the others have."""
        cell = _cell(client)
        return sum(cells[cell] for cells in self._open_elsewhere)

    def came(self, client: str, minute: int) -> None:
        """Count a connection of *client* that came in this *minute* of the loop's time."""
        cell, cells = _cell(client), self._came
        counted = cells[cell] & _COUNT if cells[cell] >> _COUNT_BITS == minute else 0
        cells[cell] = minute << _COUNT_BITS | min(counted + 1, _COUNT)

    def came_elsewhere(self, client: str, minute: int) -> int:
        """Return how many connections of *client* came to the others in this *minute*."""
        cell = _cell(client)
        found = (cells[cell] for cells in self._came_elsewhere)
        return sum(value & _COUNT for value in found if value >> _COUNT_BITS == minute)


def _cell(client: str) -> int:
    """Return the cell of *client*: a hash that nobody outside can know, and that is the same after a fork."""
    return hash(client) % _CELLS
