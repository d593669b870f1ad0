"""Floor 4 · receive — who is talking, and may they: the daemon's own Handler."""

from mailrail.receive.events import LoggedIn, LoginRefused
from mailrail.receive.reception import Duty, Reception

__all__ = ["Duty", "LoggedIn", "LoginRefused", "Reception"]
