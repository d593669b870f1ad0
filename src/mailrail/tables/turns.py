"""Floor 2 · tables — how many questions may be asked at one time, how many may wait, and how long an answer may take."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mailrail.tables.api import TableError

T = TypeVar("T")


class Turns:
    """Lets questions to one place go in turns."""

    def __init__(self, at_once: int, waiting: int, timeout_s: float) -> None:
        """Bound them.

        Args:
            at_once: questions at one time.
            waiting: questions that may wait for these.
            timeout_s: for an answer, the wait for its turn included.
        """
        self._turn = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._timeout_s = timeout_s
        self._count = 0

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """Return what *question* answers.

        Raises:
            TableError: too many wait, or it takes too long.

        *Cancel-safe:* yes.
        """
        if self._count >= self._most:
            raise TableError("too many questions at one time")
        self._count += 1
        try:
            async with asyncio.timeout(self._timeout_s), self._turn:
                return await question()
        except TimeoutError:
            raise TableError(f"no answer in {self._timeout_s:g} s") from None
        finally:
            self._count -= 1
