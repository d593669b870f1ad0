"""One mailrail between honest clients and strangers of every kind, in virtual time, with the books kept."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.acceptance.house import MX, House, live

from mailrail.net import Endpoint
from mailrail.sim import seeded
from mailrail.sim.ledger import Ledger, NodeFacts, leftovers
from mailrail.sim.postman import Route
from mailrail.sim.strangers import Place, Stranger
from mailrail.sim.traffic import Kind, Traffic

NODE = "192.0.2.25"
CLIENT = "10.0.0.7"
HOME = "senders.example"


class Town:
    """A house, strangers round it, and a ledger.

    Attributes:
        strangers: by domain.
    """

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.rng = seeded(seed)
        self.ledger = Ledger()
        self.strangers: dict[str, Stranger] = {}
        queue = house.settings.queue
        self.ledger.enrol(NodeFacts("mx", frozenset({"127.0.0.1"}), queue, house.clock.now_us))
        self.ledger.listen("mx", house.bus)
        self.traffic = Traffic(self.ledger, self.rng)
        self.route = Route(house.network, (("mx", MX),), CLIENT)
        self.settle(HOME, Stranger)

    def settle(self, domain: str, make: Callable[[Place], Stranger]) -> Stranger:
        """Let the stranger that *make* makes be the MX of *domain*."""
        address = f"203.0.113.{len(self.strangers) + 1}"
        stranger = make(Place(f"mx.{domain}", self.ledger, self.rng))
        stranger.listen(self.house.network, Endpoint(address, 25))
        self.house.zone.add({domain: (f"MX 10 mx.{domain}",), f"mx.{domain}": (f"A {address}",)})
        self.strangers[domain] = stranger
        return stranger

    def kind(self, **more: Any) -> Kind:
        """Return messages from HOME to every other domain."""
        domains = {domain: 1.0 for domain in self.strangers if domain != HOME}
        return Kind((HOME,), domains, size_bytes=(600, 3000), **more)

    async def calm(self, within_s: float) -> None:
        """Wait until the queue is empty."""
        end_s = asyncio.get_running_loop().time() + within_s
        while await self.house.queued() and asyncio.get_running_loop().time() < end_s:
            await asyncio.sleep(600)

    async def close(self) -> None:
        """End the books."""
        self.ledger.close(await leftovers(self.house.daemon.spool, self.house.clock.now_us()))


def visit_town(
    path: Path, scenario: Callable[[Town], Awaitable[None]], *, seed: int = 1, **settings: Any
) -> Town:
    """Run *scenario*, close the books, and return what is left."""
    made: list[Town] = []

    async def main(house: House) -> None:
        house.is_listening = False
        town = Town(house, seed)
        made.append(town)
        await scenario(town)
        await town.close()

    live(path, main, in_memory=True, **settings)
    return made[0]
