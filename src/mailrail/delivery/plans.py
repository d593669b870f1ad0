"""Floor 4 · delivery — what the lanes to a destination learn from one another: its plan, and dead addresses."""

import asyncio
from collections.abc import Iterator
from typing import Final

from mailrail.model import Deferred, Failed
from mailrail.net import Endpoint
from mailrail.routing import Host, Plan, Route, Router

KEPT: Final = 10_000  # plans and dead addresses; the oldest go first


class Plans:
    """Keeps good plans for as long as the DNS allows; what failed is asked anew each time."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._loop = asyncio.get_running_loop()
        self._plans: dict[str, tuple[float, Plan]] = {}

    async def plan(self, route: Route) -> Plan | Deferred | Failed:
        """Return the hosts of *route*, see `Router.plan`."""
        now_s = self._loop.time()
        until_s, plan = self._plans.get(route.destination, (0.0, None))
        if plan is not None and now_s < until_s:
            return plan
        found = await self._router.plan(route)
        self._plans.pop(route.destination, None)
        if isinstance(found, Plan):
            self._plans[route.destination] = (self._loop.time() + found.ttl_s, found)
            if len(self._plans) > KEPT:
                del self._plans[next(iter(self._plans))]
        return found


class DeadEndpoints:
    """Remembers for a while which addresses did not answer, so that they are tried last (A75)."""

    def __init__(self, avoid_s: float) -> None:
        self._avoid_s = avoid_s
        self._loop = asyncio.get_running_loop()
        self._until_s: dict[Endpoint, float] = {}

    def add(self, endpoint: Endpoint) -> None:
        """Note that *endpoint* did not answer."""
        self._until_s.pop(endpoint, None)
        self._until_s[endpoint] = self._loop.time() + self._avoid_s
        if len(self._until_s) > KEPT:
            del self._until_s[next(iter(self._until_s))]

    def forget(self, endpoint: Endpoint) -> None:
        """Note that *endpoint* answers."""
        if self._until_s:
            self._until_s.pop(endpoint, None)

    def in_order(self, plan: Plan) -> Iterator[tuple[Host, Endpoint]]:
        """Go through the addresses of *plan*, best first, those known to be dead at the end."""
        now_s = self._loop.time()
        dead = []
        for host in plan.hosts:
            for endpoint in host.endpoints:
                if self._until_s.get(endpoint, 0.0) > now_s:
                    dead.append((host, endpoint))
                else:
                    yield host, endpoint
        yield from dead
