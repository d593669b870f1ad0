"""Floor 3 · addresses — what next hops have said about addresses, remembered.

A gateway that takes mail for names it does not know has to ask, or it sends bounces to forged senders. What it was told holds for a while; an
address that was good is believed much longer where the next hop cannot be asked, for that is when its mail must be taken and kept. "No"
is never believed beyond its time. One question at a time is asked about an address, however many clients wait for the answer.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

from mailrail.addresses.api import NextHop, NotKnownNowError
from mailrail.addresses.settings import VerifySettings
from mailrail.model import Address
from mailrail.model import reply as say
from mailrail.promise import Flights


@dataclass(frozen=True, slots=True)
class _Known:
    is_taken: bool
    since_s: float


class Verified:
    """Asks a next hop through a memory; made inside the running loop.

    Args:
        next_hop: who asks.
    """

    def __init__(self, next_hop: NextHop, settings: VerifySettings) -> None:
        self._next_hop = next_hop
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._known: OrderedDict[Address, _Known] = OrderedDict()
        self._flights = Flights[Address, bool]()
        self._turn = asyncio.Semaphore(settings.at_once)

    async def takes(self, address: Address) -> bool:
        """Tell whether the next hop takes mail for *address*.

        Raises:
            NotKnownNowError: it cannot be asked now, and nothing is known.

        *Cancel-safe:* yes; another who waits for the same answer asks anew.
        """
        known = self._known.get(address)
        if known is not None and self._age_s(known) < self._fresh_s(known):
            self._known.move_to_end(address)
            return known.is_taken
        try:
            return await self._flights.share(address, partial(self._ask, address))
        except NotKnownNowError:
            if known is not None and known.is_taken and self._age_s(known) < self._settings.longest_s:
                return True
            raise

    async def _ask(self, address: Address) -> bool:
        is_taken = await self._ask_in_turn(address)
        self._remember(address, is_taken)
        return is_taken

    async def _ask_in_turn(self, address: Address) -> bool:
        try:
            async with asyncio.timeout(self._settings.timeout_s), self._turn:
                return await self._next_hop.takes(address)
        except TimeoutError:
            raise NotKnownNowError(
                f"no answer about {address} in {self._settings.timeout_s:g} s", say.NEXT_HOP_NOT_ASKED
            ) from None

    def _remember(self, address: Address, is_taken: bool) -> None:
        known = self._known
        known[address] = _Known(is_taken, self._loop.time())
        known.move_to_end(address)
        if len(known) > self._settings.remembered:
            known.popitem(last=False)

    def _age_s(self, known: _Known) -> float:
        return self._loop.time() - known.since_s

    def _fresh_s(self, known: _Known) -> float:
        return self._settings.good_s if known.is_taken else self._settings.bad_s
