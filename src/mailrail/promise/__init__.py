"""Floor 0 · promise — an answer that comes later: one that calls whoever waits for it, and one for all who ask the same."""

from mailrail.promise.flights import Flights
from mailrail.promise.promise import Promise

__all__ = ["Flights", "Promise"]
