"""Floor 4 · agents — what agents work with; made once, by the courier."""

from collections.abc import Callable
from dataclasses import dataclass

from mailrail.agents.accounts import Account
from mailrail.agents.identity import Identity
from mailrail.agents.scribe import Scribe
from mailrail.agents.threads import Threads
from mailrail.model import Clock


@dataclass(frozen=True, slots=True)
class Tools:
    """What agents work with.

    Attributes:
        hostname: ours, for names of files.
        separators: those of sub-addresses in a domain.
        scribe: whoever writes as an account.
        began_us: when this process began; what came before it may have been delivered by one before.
    """

    threads: Threads
    clock: Clock
    identity: Identity
    hostname: str
    separators: Callable[[str], str]
    scribe: Callable[[Account], Scribe]
    began_us: int
