"""Floor 5 · config — how many workers there are, where each has its things, and its part of what all share. Pure but for looks
into directories.

Worker 0 has what a mailrail with one worker has: the spool at `spool.path`, the socket at `admin.socket`. Worker k has
`spool.path/worker-k` and a socket with `.k` behind. So no message ever moves when the number of workers changes: a
spool whose number is too high goes on with a worker that takes no new mail, until it is empty (a *leftover*).
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailrail.config.settings import MailrailSettings
from mailrail.queue.settings import DestinationSettings, QueueSettings

MOST_BY_DEFAULT: Final = 8  # ours; more is a decision about memory and disk
LEAST_ITEMS: Final = 20  # queue.active_items of one worker
LEAST_BYTES: Final = 1024**2  # queue.active_bytes of one worker
DRAINED: Final = "drained"  # the file that says: this spool is empty, and nobody has opened it since
_OWN: Final = re.compile(r"worker-([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class Bound:
    """A setting that is split among the workers, each of which must get something.

    Attributes:
        key: the setting.
        most: workers that it is enough for.
    """

    key: tuple[str, ...]
    most: int


def bounds(settings: MailrailSettings) -> list[Bound]:
    """Return how many workers each setting is enough for that they split."""
    queue = settings.queue
    found = [
        Bound(("queue", "window", "most"), queue.window.most),
        Bound(("queue", "active_items"), queue.active_items // LEAST_ITEMS),
        Bound(("queue", "active_bytes"), queue.active_bytes // LEAST_BYTES),
    ]
    for name, own in queue.destination.items():
        if own.connections is not None:
            found.append(Bound(("queue", "destination", name, "connections"), own.connections))
    if settings.spool.most_items:
        found.append(Bound(("spool", "most_items"), settings.spool.most_items))
    return found


def worker_count(settings: MailrailSettings, cores: int | None = None) -> int:
    """Return how many workers *settings* ask for.

    Args:
        cores: of this machine that we may use; None: ask.
    """
    if settings.workers:
        return settings.workers
    most = min(bound.most for bound in bounds(settings))
    return max(1, min(_cores() if cores is None else cores, MOST_BY_DEFAULT, most))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spool_of(settings: MailrailSettings, number: int) -> Path:
    """Return the directory of worker *number*'s spool."""
    return settings.spool.path / f"worker-{number}" if number else settings.spool.path


def socket_of(settings: MailrailSettings, number: int) -> Path:
    """Return the path of worker *number*'s admin socket."""
    path = settings.admin.path(settings.spool.path)
    return path.with_name(f"{path.name}.{number}") if number else path


def spools(settings: MailrailSettings) -> list[int]:
    """Return the numbers of the spools that may hold mail: 0 always, of the others those that are there.

    Raises:
        PermissionError: we may not look.
    """
    return [0, *sorted(number for number in _numbers(settings.spool.path) if is_used(settings, number))]


def leftovers(settings: MailrailSettings, count: int) -> list[int]:
    """Return the numbers of spools that have no worker when there are *count*, and may hold mail."""
    return [number for number in spools(settings) if number >= count]


def _numbers(directory: Path) -> Iterable[int]:
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [int(found[1]) for name in names if (found := _OWN.fullmatch(name))]


def is_used(settings: MailrailSettings, number: int) -> bool:
    """Tell whether worker *number* has a spool that may hold mail."""
    directory = spool_of(settings, number)
    return (directory / "spool.db").exists() and not (directory / DRAINED).exists()


def part_of(settings: MailrailSettings, number: int, rank: int, parts: int) -> MailrailSettings:
    """Return what worker *number* goes by: its own places, and its part of what is bounded for all together.

    What counts sessions and clients is not split: that is counted by all together (server/board.py).

    Args:
        rank: which of the parts it gets, from 0.
        parts: how many there are; 1: *settings* are for it alone.
    """
    if parts == 1 and number == 0:
        return settings
    spool = settings.spool.model_copy(
        update={
            "path": spool_of(settings, number),
            "most_items": _part(settings.spool.most_items, rank, parts) if settings.spool.most_items else 0,
        }
    )
    return settings.model_copy(
        update={
            "spool": spool,
            "admin": settings.admin.model_copy(update={"socket": socket_of(settings, number)}),
            "tls": settings.tls.model_copy(update={"directory": settings.tls.kept_in(settings.spool.path)}),
            "queue": _part_of_queue(settings.queue, rank, parts),
        }
    )


def _part_of_queue(queue: QueueSettings, rank: int, parts: int) -> QueueSettings:
    most = _part(queue.window.most, rank, parts)
    start = min(_part(queue.window.start, rank, parts), most)
    return queue.model_copy(
        update={
            "window": queue.window.model_copy(update={"most": most, "start": start}),
            "rate": queue.rate / parts,
            "destination": {
                name: _part_of_destination(own, rank, parts) for name, own in queue.destination.items()
            },
            "active_items": max(_part(queue.active_items, rank, parts), LEAST_ITEMS),
            "active_bytes": max(_part(queue.active_bytes, rank, parts), LEAST_BYTES),
        }
    )


def _part_of_destination(own: DestinationSettings, rank: int, parts: int) -> DestinationSettings:
    connections, rate = own.connections, own.rate
    return own.model_copy(
        update={
            "connections": None if connections is None else _part(connections, rank, parts),
            "rate": None if rate is None else rate / parts,
        }
    )


def _part(whole: int, rank: int, parts: int) -> int:
    """Return a part of *whole*: all of them together make it up, unless it is too small to give each one."""
    return max(1, whole // parts + (rank < whole % parts))
