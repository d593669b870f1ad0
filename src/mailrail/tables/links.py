"""Floor 2 · tables — connections to a database or directory that are kept for the next question.

A kept connection may have died since: its server was started again, or a firewall forgot it. That shows only when it is used, so a question that
finds its connection lost is asked again, on a new one; only a new one's failure is the answer. Where one is dead, or a question on it was given up,
the others that were kept are let go of too, so that nobody else waits for them. How many there are at one time is bounded by who asks (`Turns`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from mailrail.tables.api import TableError


class LinkLost(TableError):  # noqa: N818 -- not the question's fault: it may be asked again elsewhere
    """The connection is lost; whether the question was heard is not known."""


class Link(Protocol):
    """A connection that can be let go of at once."""

    async def close(self) -> None:
        """Let go of it; whatever is under way is lost."""
        ...


L = TypeVar("L", bound=Link)
T = TypeVar("T")


class Links(Generic[L]):
    """The connections to one place that nobody uses just now. Questions only read, so that they may be asked twice."""

    def __init__(self, connect: Callable[[], Awaitable[L]]) -> None:
        """Connect nowhere yet.

        Args:
            connect: makes a new one, or raises TableError.
        """
        self._connect = connect
        self._idle: list[L] = []
        self._is_closed = False

    async def ask(self, question: Callable[[L], Awaitable[T]]) -> T:
        """Return what *question* finds by one of them.

        Raises:
            TableError: it cannot be known now.

        *Cancel-safe:* yes; the connection in use is closed.
        """
        if self._idle:
            try:
                return await self._use(self._idle.pop(), question)
            except LinkLost:
                await self._let_go()
            except asyncio.CancelledError:
                await self._let_go()
                raise
        return await self._use(await self._connect(), question)

    async def _use(self, link: L, question: Callable[[L], Awaitable[T]]) -> T:
        try:
            answer = await question(link)
        except BaseException:
            await link.close()
            raise
        if self._is_closed:
            await link.close()
        else:
            self._idle.append(link)
        return answer

    async def close(self) -> None:
        """Close all of them, and those in use when they come back."""
        self._is_closed = True
        await self._let_go()

    async def _let_go(self) -> None:
        while self._idle:
            await self._idle.pop().close()
