"""Floor 0 · observe — from the station that knows a fact to whoever listens.

Stations ask `wants` before they build an event on the hot path: an event that nobody
listens to must cost one dictionary look-up (DESIGN §6).
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from mailrail.observe.event import Event

E = TypeVar("E", bound=Event)
Listener = Callable[[Event], None]


class Bus:
    """Hands each event to the listeners of its type, at once and in order.

    A listener must not raise and must not wait.
    """

    def __init__(self) -> None:
        self._everything: list[Listener] = []
        self._by_type: dict[type[Event], list[Listener]] = {}

    def listen(self, listener: Listener, types: Iterable[type[Event]] | None = None) -> None:
        """Call *listener* with every event, or with those of *types* only."""
        if types is None:
            self._everything.append(listener)
            return
        for event_type in types:
            self._by_type.setdefault(event_type, []).append(listener)

    def wants(self, event_type: type[Event]) -> bool:
        """Tell whether anybody listens to *event_type*."""
        return bool(self._everything) or event_type in self._by_type

    def emit(self, event: Event) -> None:
        """Hand *event* to its listeners."""
        for listener in self._everything:
            listener(event)
        for listener in self._by_type.get(type(event), ()):
            listener(event)
