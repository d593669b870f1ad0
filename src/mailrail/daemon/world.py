"""Floor 5 · daemon — the doors through which a daemon sees the world."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mailrail.agents import Identity, system_identity
from mailrail.daemon.worker import ALONE, Worker
from mailrail.model import Clock, Rng
from mailrail.net import Network
from mailrail.pickup import Person, person_of
from mailrail.spool import Disk


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The doors to the outside; the simulator brings its own.

    Attributes:
        is_own_address: tells whether an IP address is this machine's, beside loopback.
        worker: which of several processes this is.
        identity: as whom mailboxes are written.
        person_of: tells who has a user number on this machine.
    """

    network: Network
    clock: Clock
    rng: Rng
    disk: Disk
    is_own_address: Callable[[str], bool]
    worker: Worker = ALONE
    identity: Identity = field(default_factory=system_identity)
    person_of: Callable[[int], Person] = person_of
