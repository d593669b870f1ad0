"""Floor 5 · daemon — file descriptors: as many as the system lets us have, and no more sessions than they allow.

A service is started with a soft limit of 1,024, for the sake of programs that use select(2), and a hard one far above
it; whoever does not use select raises the one to the other. What is then still too little bounds the
sessions: a crowd of clients must not take the descriptors that queued mail needs to go out.
"""

import contextlib
import resource
import sys
from typing import Final

from mailrail.config import MailrailSettings

# Kept for next hops, lookups and large messages, each of which wants one too: a quarter, and never fewer than
# these, for the daemon itself has about 16 of them (database, log, listeners).
_LEAST_KEPT: Final = 64


def raise_limit() -> int:
    """Raise the soft limit to the hard one; return how many descriptors there may be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems call it endless and do not mean it
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def within(settings: MailrailSettings, descriptors: int) -> MailrailSettings:
    """Return *settings* with no more sessions than *descriptors* allow; *settings* itself if they do."""
    limits = settings.limits
    most = max(1, descriptors - max(descriptors // 4, _LEAST_KEPT))
    if limits.connections <= most:
        return settings
    bounded = limits.model_copy(update={"connections": most})
    return settings.model_copy(update={"limits": bounded})
