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
        # Worked out when a type is first met, thrown away when a listener comes.
        self._by_type: dict[type[Event], tuple[Listener, ...]] = {}

    def listen(
        self, listener: Listener, types: Iterable[type[Event]] | None = None, *, level: Level = Level.DEBUG
    ) -> None:
        """Call *listener* with every event, or with those of *types*, that are at least as loud as *level*."""
        self._listeners.append((listener, None if types is None else frozenset(types), level))
        self._by_type.clear()

    def tune(self, listener: Listener, level: Level) -> None:
        """Call *listener* from now on with what is at least as loud as *level*."""
        self._listeners = [
            (one, types, level if one is listener else its) for one, types, its in self._listeners
        ]
        self._by_type.clear()

    def wants(self, event_type: type[Event]) -> bool:
        """Tell whether anybody listens to *event_type*."""
        listeners = self._by_type.get(event_type)
        return bool(self._listeners_of(event_type) if listeners is None else listeners)

    def emit(self, event: Event) -> None:
        """Hand *event* to its listeners."""
        event_type = type(event)
        listeners = self._by_type.get(event_type)
        for listener in self._listeners_of(event_type) if listeners is None else listeners:
            listener(event)

    def _listeners_of(self, event_type: type[Event]) -> tuple[Listener, ...]:
        found = self._by_type[event_type] = tuple(
            listener
            for listener, types, level in self._listeners
            if event_type.level >= level and (types is None or event_type in types)
        )
        return found
