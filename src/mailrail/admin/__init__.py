"""Floor 5 · admin — the operator's door into a running daemon."""

from mailrail.admin.settings import AdminSettings

__all__ = ["AdminSettings"]
