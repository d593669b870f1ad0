"""Floor 5 · daemon — the maildrop, made and joined: the part of the map that is about mail of this machine's programs."""

import os
from collections.abc import Awaitable, Callable

from mailrail.config import MailrailSettings
from mailrail.daemon.worker import Worker
from mailrail.intake import Intake
from mailrail.maildrop import DOOR
from mailrail.net import Network
from mailrail.pickup import (
    Access,
    Correspondence,
    Door,
    Ground,
    HandedIn,
    Person,
    Pickup,
    Releaser,
    Rules,
    Waiting,
    nothing_waits,
)
from mailrail.spool import Disk, Spool


def open_maildrop(
    settings: MailrailSettings,
    intake: Intake,
    correspondence: Correspondence,
    worker: Worker,
    disk: Disk,
    network: Network,
    person_of: Callable[[int], Person],
) -> Pickup | None:
    """Return what takes up mail: one worker does; None where nobody may hand in any."""
    maildrop = settings.maildrop
    if worker.number or maildrop.access is Access.NOBODY:
        return None
    path = maildrop.path(settings.spool.path)
    releaser = Releaser(intake.taker)
    return Pickup(
        Ground(disk, path, maildrop.access),
        Rules(maildrop, settings.hostname, person_of(os.geteuid()).name),
        correspondence,
        intake.handing_to(releaser),
        releaser,
        Door(network, path / DOOR, is_open_to_all=maildrop.access is Access.EVERYONE),
        person_of=person_of,
        rewrites_header=settings.canonical.header,
        poll_s=maildrop.poll_s,
        most_bytes=settings.limits.message_bytes,
    )


def look_into_maildrop(
    settings: MailrailSettings, worker: Worker, disk: Disk, spool: Spool, person_of: Callable[[int], Person]
) -> Callable[[str, int], Awaitable[list[HandedIn]]]:
    """Return what lists the mail that waits there; the worker that takes it up tells of it."""
    if worker.number:
        return nothing_waits
    return Waiting.by_settings(
        settings.maildrop, settings.hostname, settings.spool.path, disk, person_of, spool.resolve
    ).page
