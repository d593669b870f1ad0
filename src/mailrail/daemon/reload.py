"""Floor 5 · daemon — new settings for a running daemon: what has changed, and what of it waits for a restart. Pure.

Whole tables are exchanged, never single keys, so that nothing ever runs on a mixture that nobody checked.
"""

from dataclasses import dataclass
from typing import Any, Final

from mailrail.config import KeyPath, MailrailSettings, spell

# What a running daemon can exchange. The rest has been built into objects that hold mail.
LIVE: Final = ("tls",)


@dataclass(frozen=True, slots=True)
class Change:
    """What a reading of the settings file brought.

    Attributes:
        settings: to go by from now on: the running ones with the tables of LIVE from the file.
        applied: keys that have changed and are in force now.
        waiting: keys that have changed and wait for a restart.
    """

    settings: MailrailSettings
    applied: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def compare(running: MailrailSettings, written: MailrailSettings) -> Change:
    """Work out what *written*, read and checked just now, changes in *running*."""
    changed = sorted(_differences(running.model_dump(), written.model_dump(), ()), key=spell)
    return Change(
        settings=running.model_copy(update={name: getattr(written, name) for name in LIVE}),
        applied=tuple(spell(path) for path in changed if path[0] in LIVE),
        waiting=tuple(spell(path) for path in changed if path[0] not in LIVE),
    )


def _differences(old: Any, new: Any, here: KeyPath) -> set[KeyPath]:
    """Return the keys whose values differ, never the values: some are secrets."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = old.keys() | new.keys()
        return {path for key in keys for path in _differences(old.get(key), new.get(key), (*here, key))}
    if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return {path for place, (a, b) in pairs for path in _differences(a, b, (*here, place))}
    return set() if old == new else {here}
