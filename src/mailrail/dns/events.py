"""Floor 2 · dns — the facts of this room that an operator must know."""

from typing import ClassVar

from mailrail.observe import Event, Level


class ResolversSilent(Event, frozen=True, kw_only=True):
    """None of the resolvers answers anything; mail that needs them waits."""

    level: ClassVar[Level] = Level.ERROR

    servers: tuple[str, ...]


class ResolversBack(Event, frozen=True, kw_only=True):
    """A resolver answers again."""

    server: str
