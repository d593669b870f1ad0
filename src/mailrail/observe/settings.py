"""Floor 0 · observe — the settings of the log."""

from typing import Literal

from mailrail.settings import Settings, setting


class LogSettings(Settings):
    """What is logged, and how it looks; the log goes to standard error."""

    format: Literal["auto", "json", "text"] = setting(
        "auto", "One JSON object a line, or readable lines; auto: readable on a terminal, else JSON."
    )
    level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "The quietest level that is logged."
    )
