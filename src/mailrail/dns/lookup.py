"""Floor 2 · dns — look-ups of one record type: cache, shared flights, chains of CNAMEs.

A hit costs no task and no future.
"""

import asyncio
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import Final, Generic, TypeVar

from mailrail.dns.api import Answer
from mailrail.dns.settings import DnsSettings
from mailrail.dns.upstream import Upstream
from mailrail.dns.wire import LONGEST_CHAIN, Kind, Read, Reading, name_of, question, text_of
from mailrail.model import DnsError
from mailrail.promise import Flights

T = TypeVar("T")

# Replies above this are used but not kept, so that hostile zones cannot fill the memory: at most some
# 20 KiB an entry. Such a reply came over TCP; the recursive server has it at hand anyway.
KEPT_OCTETS: Final = 2048


class Lookup(Generic[T]):
    """Looks up one type of record."""

    def __init__(self, kind: Kind, read: Read[T], upstream: Upstream, settings: DnsSettings) -> None:
        self._kind = kind
        self._read = read
        self._upstream = upstream
        self._settings = settings
        # Least recently used first; the float is the loop time of its end.
        self._cache: OrderedDict[str, tuple[float, Answer[T]]] = OrderedDict()
        self._flights = Flights[str, Answer[T]]()

    @property
    def kept(self) -> int:
        """How many answers are in memory."""
        return len(self._cache)

    async def find(self, name: str) -> Answer[T]:
        """Return the records of *name*.

        Raises:
            DnsError: not known now.

        *Cancel-safe:* yes.
        """
        cached = self._cached(name)
        return await self._flights.share(name, partial(self._follow, name)) if cached is None else cached

    async def _follow(self, text: str) -> Answer[T]:
        name = name_of(text)
        if name is None:
            # A name that cannot stand in the DNS does not exist in it.
            return Answer((), name_exists=False, authentic=False, ttl_s=0, canonical_name=text)
        ttl_s, authentic, steps, seen = 2**31 - 1, True, 0, {name}
        while True:
            reading = await self._upstream.ask(question(name, self._kind), self._read)
            ttl_s, authentic, steps = (
                min(ttl_s, reading.ttl_s),
                authentic and reading.authentic,
                steps + reading.steps,
            )
            if reading.is_whole:
                answer = self._answer(reading, ttl_s, authentic=authentic)
                if reading.size_bytes <= KEPT_OCTETS:
                    self._keep(text, answer)
                return answer
            name = reading.name
            if name in seen or steps >= LONGEST_CHAIN:
                raise DnsError(
                    text,
                    f"{text} {self._kind.name}: the chain of CNAMEs is a loop or too long",
                    try_again=True,
                )
            seen.add(name)

    def _answer(self, reading: Reading[T], ttl_s: int, *, authentic: bool) -> Answer[T]:
        longest = self._settings.max_ttl_s if reading.records else self._settings.max_negative_ttl_s
        kept_s = min(max(ttl_s, self._settings.min_ttl_s), longest)
        return Answer(reading.records, reading.name_exists, authentic, int(kept_s), text_of(reading.name))

    def _cached(self, name: str) -> Answer[T] | None:
        entry = self._cache.get(name)
        if entry is None:
            return None
        ends_at, answer = entry
        left_s = ends_at - asyncio.get_running_loop().time()
        if left_s <= 0:
            del self._cache[name]
            return None
        self._cache.move_to_end(name)
        return replace(answer, ttl_s=int(left_s))

    def _keep(self, name: str, answer: Answer[T]) -> None:
        if answer.ttl_s <= 0 or self._settings.cache_size == 0:
            return
        if len(self._cache) >= self._settings.cache_size:
            self._cache.popitem(last=False)
        self._cache[name] = (asyncio.get_running_loop().time() + answer.ttl_s, answer)
