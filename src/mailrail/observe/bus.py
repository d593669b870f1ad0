"""Floor 0 · observe — from the station that knows a fact to whoever listens.

Stations ask `wants` before they build an event on the hot path: an event that nobody
listens to must cost one dictionary look-up (DESIGN §6).
"""

from collections.abc import Callable, Iterable

from mailrail.observe.event import Event, Level

Listener = Callable[[Event], None]


class Bus:
    """Hands each event to the listeners of its type, at once and in order.

    A listener must not raise and must not wait.
    """

    def __init__(self) -> None:
        self._listeners: list[tuple[Listener, frozenset[type[Event]] | None, Level]] = []
        self._of = _ByType(self._listeners_of)

    def listen(
        self, listener: Listener, types: Iterable[type[Event]] | None = None, *, level: Level = Level.DEBUG
    ) -> None:
        """Call *listener* with every event, or with those of *types*, that are at least as loud as *level*."""
        self._listeners.append((listener, None if types is None else frozenset(types), level))
        self._of.clear()

    def tune(self, listener: Listener, level: Level) -> None:
        """Call *listener* from now on with what is at least as loud as *level*."""
        self._listeners = [
            (one, types, level if one is listener else its) for one, types, its in self._listeners
        ]
        self._of.clear()

    def wants(self, event_type: type[Event]) -> bool:
        """Tell whether anybody listens to *event_type*."""
        return self._of[event_type] != ()

    def emit(self, event: Event) -> None:
        """Hand *event* to its listeners."""
        for listener in self._of[type(event)]:
            listener(event)

    def _listeners_of(self, event_type: type[Event]) -> tuple[Listener, ...]:
        return tuple(
            listener
            for listener, types, level in self._listeners
            if event_type.level >= level and (types is None or event_type in types)
        )


class _ByType(dict[type[Event], tuple[Listener, ...]]):
    """Who listens to a type: worked out when it is first met, thrown away when a listener comes."""

    def __init__(self, listeners_of: Callable[[type[Event]], tuple[Listener, ...]]) -> None:
        super().__init__()
        self._listeners_of = listeners_of

    def __missing__(self, event_type: type[Event]) -> tuple[Listener, ...]:
        found = self[event_type] = self._listeners_of(event_type)
        return found
