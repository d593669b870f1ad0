"""Floor 5 · daemon — the process: everything wired, started, watched and stopped."""

from mailrail.daemon.assembly import Daemon
from mailrail.daemon.certificates import acme_file
from mailrail.daemon.run import run
from mailrail.daemon.world import World

__all__ = ["Daemon", "World", "acme_file", "run"]
