"""Floor 4 · receive — who is talking, and may they: the daemon's own Handler."""

from mailrail.receive.events import LoggedIn, LoginLocked, LoginRefused
from mailrail.receive.login import Doorkeeper
from mailrail.receive.reception import Duty, Reception

__all__ = ["Doorkeeper", "Duty", "LoggedIn", "LoginLocked", "LoginRefused", "Reception"]
