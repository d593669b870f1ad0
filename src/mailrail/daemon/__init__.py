"""Floor 5 · daemon — the process: everything wired, started, watched and stopped."""

from mailrail.daemon.assembly import Daemon, World
from mailrail.daemon.certificates import acme_file
from mailrail.daemon.run import run

__all__ = ["Daemon", "World", "acme_file", "run"]
