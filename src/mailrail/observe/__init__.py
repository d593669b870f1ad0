"""Floor 0 · observe — one event type per fact; log line, metric and trace are its subscribers."""

from mailrail.observe.bus import Bus, Listener
from mailrail.observe.event import Event, Level

__all__ = ["Bus", "Event", "Level", "Listener"]
