"""Floor 0 · promise — an answer that comes later, and calls whoever waits for it."""

from mailrail.promise.promise import Promise

__all__ = ["Promise"]
