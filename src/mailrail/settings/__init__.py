"""Floor 0 · settings — the one base that every room's Settings inherits.

A room owns its Settings: defaults, units, bounds and one line of documentation
each. `config` only nests them; the reference manual, the commented example file
and every error about a setting are printed from these classes, so they cannot disagree.
"""

from mailrail.settings.base import KIND, Duration, Settings, Size, kind_tag, parse_duration, setting
from mailrail.settings.networks import Network

__all__ = ["KIND", "Duration", "Network", "Settings", "Size", "kind_tag", "parse_duration", "setting"]
