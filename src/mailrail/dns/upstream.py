"""Floor 2 · dns — asking the servers in turn until one knows.

Three ends are told apart: a server knows (also that there is nothing); the servers answer but not this
name, so the zone is in trouble; no server says anything, so *we* are (ResolverDownError). For the
last a silent look-up is followed by one question for the root: every living resolver has it at hand.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import TypeVar

from mailrail.dns.api import ResolverDownError
from mailrail.dns.events import ResolversBack, ResolversSilent
from mailrail.dns.exchange import exchange
from mailrail.dns.settings import DnsSettings
from mailrail.dns.wire import ROOT, Question, Read, Reading, read_reply, text_of
from mailrail.model import DnsError, NetError, Rng
from mailrail.net import Endpoint, Network
from mailrail.observe import Bus

T = TypeVar("T")


class Upstream:
    """The servers and what is known of their health."""

    def __init__(
        self, network: Network, settings: DnsSettings, servers: Sequence[Endpoint], rng: Rng, bus: Bus
    ) -> None:
        self._network = network
        self._settings = settings
        self._servers = list(servers)
        self._rng = rng
        self._bus = bus
        self._room = asyncio.Semaphore(settings.max_in_flight)
        self._heard_at = float("-inf")  # loop time of the last reply of any server
        self._silent_at = float("-inf")  # loop time at which a probe found all of them silent
        self._is_silent = False
        self._probing = asyncio.Lock()

    async def ask(self, asked: Question, read: Read[T]) -> Reading[T]:
        """Return what the first server that knows says.

        Raises:
            DnsError: none knows in time.

        *Cancel-safe:* yes.
        """
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._settings.deadline_s), self._room:
                return await self._ask_in_turn(asked, read)
        except TimeoutError:
            trouble = f"no answer in {self._settings.deadline_s:g} s"
        except NetError as error:
            trouble = str(error)
        name = text_of(asked.name)
        if not await self._answers_at_all(started):
            raise ResolverDownError(name, f"{asked}: no resolver answers: {trouble}")
        raise DnsError(name, f"{asked}: {trouble}", try_again=True)

    async def _ask_in_turn(self, asked: Question, read: Read[T]) -> Reading[T]:
        """Raise the last trouble when no server knows: DnsError if one told it, else NetError."""
        refusals: dict[Endpoint, DnsError] = {}
        silence: NetError | None = None
        for _ in range(self._settings.tries):
            # A server that told its trouble is not asked again; one that was silent may have lost a datagram.
            for server in [each for each in self._servers if each not in refusals]:
                try:
                    return self._read(await self._exchange(server, asked), server, asked, read)
                except DnsError as error:
                    refusals[server] = error
                except NetError as error:
                    silence = error
                    self._ask_last(server)
        if refusals:
            raise next(iter(refusals.values()))
        assert silence is not None
        raise silence

    async def _exchange(self, server: Endpoint, asked: Question) -> bytes:
        query_id = self._rng.getrandbits(16)
        data = await exchange(self._network, server, asked, query_id, self._settings.timeout_s)
        self._heard_at = asyncio.get_running_loop().time()
        if self._is_silent:
            self._is_silent = False
            self._bus.emit(ResolversBack(server=str(server)))
        return data

    def _read(self, data: bytes, server: Endpoint, asked: Question, read: Read[T]) -> Reading[T]:
        reading = read_reply(data, asked, read)
        return replace(reading, authentic=reading.authentic and self._may_vouch(server))

    def _may_vouch(self, server: Endpoint) -> bool:
        trust = self._settings.trust_ad
        return trust == "always" or (trust == "loopback" and ip_address(server.host).is_loopback)

    def _ask_last(self, server: Endpoint) -> None:
        """Put a silent server behind the others, so that only few look-ups wait for it."""
        if server == self._servers[0] and len(self._servers) > 1:
            self._servers.append(self._servers.pop(0))

    async def _answers_at_all(self, since: float) -> bool:
        """Tell whether any server said anything since loop time *since*, or says something now."""
        async with self._probing:
            # Thousands may ask this at once when the servers die; one finds out for all.
            if self._heard_at >= since:
                return True
            if self._silent_at < since:
                await self._probe()
            return self._heard_at >= since

    async def _probe(self) -> None:
        for server in list(self._servers):
            try:
                await self._exchange(server, ROOT)
            except NetError:
                continue
            return
        self._silent_at = asyncio.get_running_loop().time()
        if not self._is_silent:
            self._is_silent = True
            self._bus.emit(ResolversSilent(servers=tuple(map(str, self._servers))))
