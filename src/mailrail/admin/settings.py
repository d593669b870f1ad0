"""Floor 5 · admin — the settings of the operator's door."""

from mailrail.settings import Settings, setting


class AdminSettings(Settings):
    """The Unix socket that `mailrail queue` and other operator commands talk to."""

    socket: str = setting("", "Path of the socket; empty: admin.sock in the spool's directory.")
