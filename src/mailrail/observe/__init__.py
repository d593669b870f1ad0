"""Floor 0 · observe — one event type per fact; log line, metric and trace are its subscribers."""

from mailrail.observe.bus import Bus, Listener
from mailrail.observe.event import Event, Level
from mailrail.observe.logs import Log, json_line, open_log, text_line
from mailrail.observe.settings import LogSettings

__all__ = ["Bus", "Event", "Level", "Listener", "Log", "LogSettings", "json_line", "open_log", "text_line"]
