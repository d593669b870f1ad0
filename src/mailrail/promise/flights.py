"""Floor 0 · promise — one question at a time about the same thing, however many wait for its answer.

What DNS, a table, a directory or a next hop is asked, many may want to know at the same moment: the first of them asks.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Flights(Generic[K, T]):
    """Questions that are being asked, by what they are about."""

    def __init__(self) -> None:
        self._flying: dict[K, asyncio.Future[T]] = {}

    async def share(self, key: K, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what *ask* finds out about *key*, or what somebody else hears who asks that already.

        Raises:
            Exception: as *ask* raised it; to all who waited.

        *Cancel-safe:* yes; if it is the one who asks, one of those who waited asks anew.
        """
        while (flight := self._flying.get(key)) is not None:
            await asyncio.wait((flight,))
            if not flight.cancelled():
                return flight.result()
        flight = self._flying[key] = asyncio.get_running_loop().create_future()
        try:
            answer = await ask()
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # seen: there may be nobody else who waits for it
            raise
        else:
            flight.set_result(answer)
            return answer
        finally:
            del self._flying[key]
            flight.cancel()  # no effect but where there is no answer
