"""Floor 5 · daemon — new settings for a running daemon: what has changed, and what of it waits for a restart. Pure.

Whole tables are exchanged, never single keys, so that nothing ever runs on a mixture that nobody checked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mailrail.config import KeyPath, ListenerSettings, MailrailSettings, spell

# What a running daemon exchanges: `Rulebook` is made of it, and the queue and the server can be told. What waits for a restart is what
# sockets, files and processes were opened by.
LIVE: Final = frozenset(
    {
        "relay", "users", "guessing", "submission", "quota", "domain", "table", "addresses", "canonical", "verify", "route", "srs",
        "batv", "agent", "routing", "tls", "limits", "timeouts", "queue", "delivery", "client", "report",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """What a reading of the settings file brought.

    Attributes:
        settings: to go by from now on: the running ones with the live tables from the file.
        applied: keys that have changed and are in force now.
        waiting: keys that have changed and wait for a restart.
    """

    settings: MailrailSettings
    applied: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def compare(running: MailrailSettings, written: MailrailSettings) -> Change:
    """Work out what *written*, read and checked just now, changes in *running*."""
    changed = sorted(_differences(running.model_dump(), written.model_dump(), ()), key=spell)
    live = LIVE | {name for name, is_live in _SOMETIMES.items() if is_live(running, written)}
    return Change(
        settings=running.model_copy(update={name: getattr(written, name) for name in live}),
        applied=tuple(spell(path) for path in changed if path[0] in live),
        waiting=tuple(spell(path) for path in changed if path[0] not in live),
    )


def _has_same_sockets(running: MailrailSettings, written: MailrailSettings) -> bool:
    """Tell whether every listener stays where it is, with the TLS that it has; all else about it may change."""
    return list(map(_socket, running.listener)) == list(map(_socket, written.listener))


def _socket(listener: ListenerSettings) -> tuple[object, ...]:
    return listener.endpoint, listener.implicit_tls, listener.asks_for


def _looks_the_same(running: MailrailSettings, written: MailrailSettings) -> bool:
    """Tell whether lines of the log look as before; how many there are may change."""
    return running.log.format == written.log.format


_SOMETIMES: Final[dict[str, Callable[[MailrailSettings, MailrailSettings], bool]]] = {
    "listener": _has_same_sockets,
    "log": _looks_the_same,
}


def _differences(old: Any, new: Any, here: KeyPath) -> set[KeyPath]:
    """Return the keys whose values differ, never the values: some are secrets."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = old.keys() | new.keys()
        return {path for key in keys for path in _differences(old.get(key), new.get(key), (*here, key))}
    if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return {path for place, (a, b) in pairs for path in _differences(a, b, (*here, place))}
    return set() if old == new else {here}
