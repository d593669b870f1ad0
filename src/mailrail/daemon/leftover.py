"""Floor 5 · daemon — what keeps several spools one queue when their number changes.

A spool whose number is too high is emptied by a worker that takes nothing new, and then marked: its messages are gone,
and nothing can come into it before the mark is taken away by the next worker that has this number.
"""

import os
from pathlib import Path

from mailrail.admin import AdminClient, AdminError
from mailrail.config import DRAINED, MailrailSettings, socket_of
from mailrail.daemon.worker import Worker
from mailrail.model import StoreError, StoreTrouble
from mailrail.net import Network
from mailrail.spool import Filter, Spool


def begin_spool(directory: Path) -> None:
    """Take the mark away, and be sure of it, before anything comes into the spool.

    Raises:
        StoreError: it cannot be taken away.
    """
    try:
        os.unlink(directory / DRAINED)
        _sync(directory)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        text = f"the mark of an empty spool in {directory} cannot be removed: {error.strerror}"
        raise StoreError(StoreTrouble.FAILED, text) from error


def end_spool(directory: Path) -> None:
    """Mark a spool that is empty and closed."""
    (directory / DRAINED).touch(mode=0o600)
    _sync(directory)


async def is_empty(spool: Spool) -> bool:
    """Tell whether nothing is in *spool*, as far as it can be read."""
    try:
        return not await spool.select(Filter(), limit=1)
    except StoreError:  # nobody knows; what is wrong is told by whoever meets it in its work
        return False


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def take_over_holds(spool: Spool, settings: MailrailSettings, worker: Worker, network: Network) -> None:
    """Hold as it comes what worker 0 holds: its rules are those of all.

    A worker that is new has none yet; one that was away while an operator changed them has the old ones. If worker 0 cannot be
    asked, it is away itself, and the rules stay as they are.

    Raises:
        StoreError: they cannot be stored.
    """
    if worker.number == 0:
        return
    try:
        async with await AdminClient.open(network, socket_of(settings, 0)) as first:
            wanted = {rule.filter() for rule in await first.holds()}
    except AdminError:
        return
    for rule in set(spool.holds()) - wanted:
        await spool.release_new(rule)
    for rule in wanted - set(spool.holds()):
        await spool.hold_new(rule)
