"""Floor 5 · admin — the settings of the operator's door."""

from pathlib import Path

from mailrail.settings import Settings, setting


class AdminSettings(Settings):
    """The Unix socket that `mailrail queue` and other operator commands talk to."""

    socket: Path | None = setting(None, "Path of the socket; default: admin.sock in the spool's directory.")
    group_access: bool = setting(
        False, "Let the socket's group give orders too (mode 0660); else only its owner (0600)."
    )

    def path(self, spool: Path) -> Path:
        """Return where the socket is, given the directory of the spool."""
        return self.socket or spool / "admin.sock"
