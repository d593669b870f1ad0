"""A Resolver made of a dictionary; it passes the contract suite of the real one (tests/contract/test_resolver.py).

    FakeResolver({"example.org": ["MX 10 mx.example.org"], "mx.example.org": ["A 192.0.2.1"]})

A name exists when it is a key, or when a key lies below it. Records are written as in a zone file:
`A`, `AAAA`, `MX`, `TXT "..."`, `PTR`, `CNAME`.
"""

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from mailrail.dns import Answer, Mx, ResolverDownError
from mailrail.model import AddressError, DnsError, parse_domain

T = TypeVar("T")
TTL_S = 300
LONGEST_CHAIN = 10


class FakeResolver:
    """Answers from a dictionary.

    Attributes:
        records: name -> records; may be changed at any time.
        broken: names, or (name, type) pairs, that end in DnsError as by SERVFAIL.
        is_down: every look-up ends in ResolverDownError.
        authentic: names whose answers are marked as by DNSSEC.
        asked: how often each (name, type) was asked.
    """

    def __init__(
        self,
        records: Mapping[str, Iterable[str]] | None = None,
        *,
        broken: Iterable[str | tuple[str, str]] = (),
        is_down: bool = False,
        authentic: Iterable[str] = (),
    ) -> None:
        self.records = {name: list(lines) for name, lines in (records or {}).items()}
        self.broken = set(broken)
        self.is_down = is_down
        self.authentic = set(authentic)
        self.asked: Counter[tuple[str, str]] = Counter()

    async def mx(self, name: str) -> Answer[Mx]:
        found = self._look_up(name, "MX", _read_mx)
        records = tuple(sorted(found.records, key=lambda record: record.preference))
        return Answer(records, found.name_exists, found.authentic, found.ttl_s, found.canonical_name)

    async def a(self, name: str) -> Answer[IPv4Address]:
        return self._look_up(name, "A", IPv4Address)

    async def aaaa(self, name: str) -> Answer[IPv6Address]:
        return self._look_up(name, "AAAA", IPv6Address)

    async def txt(self, name: str) -> Answer[bytes]:
        return self._look_up(name, "TXT", lambda text: "".join(shlex.split(text)).encode("latin-1"))

    async def ptr(self, address: IPv4Address | IPv6Address) -> Answer[str]:
        return self._look_up(address.reverse_pointer, "PTR", _read_name)

    def _look_up(self, asked: str, kind: str, read: Callable[[str], T | None]) -> Answer[T]:
        self.asked[asked, kind] += 1
        name, authentic = asked, True
        for _ in range(LONGEST_CHAIN):
            if self.is_down:
                raise ResolverDownError(asked, "no resolver answers")
            if not self.broken.isdisjoint({name, (name, kind)}):
                raise DnsError(asked, f"{asked} {kind}: SERVFAIL", try_again=True)
            authentic = authentic and name in self.authentic
            pairs = [line.partition(" ")[::2] for line in self.records.get(name, ())]
            texts = [text for found, text in pairs if found == kind]
            alias = next((text for found, text in pairs if found == "CNAME"), None)
            if texts or alias is None:
                values = (read(text) for text in texts)
                records = tuple(value for value in values if value is not None)
                return Answer(records, self._exists(name), authentic, TTL_S, name)
            name = alias.rstrip(".").lower()
        raise DnsError(asked, f"{asked} {kind}: the chain of CNAMEs is too long", try_again=True)

    def _exists(self, name: str) -> bool:
        return name in self.records or any(known.endswith(f".{name}") for known in self.records)


def _read_mx(text: str) -> Mx:
    preference, _, host = text.partition(" ")
    return Mx(int(preference), host.rstrip(".").lower())


def _read_name(text: str) -> str | None:
    try:
        return parse_domain(text.rstrip("."))
    except AddressError:
        return None
