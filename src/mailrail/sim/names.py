"""Floor 5 · sim — DNS for a make-believe world, in the real wire format.

    zone = Zone({"example.org": ["MX 10 mx.example.org"], "mx.example.org": ["A 192.0.2.1"]})
    service = ZoneService(internet.machine("ns", "192.0.2.53"), zone, Endpoint("192.0.2.53", 53))

Zones are a dictionary (name -> records as in a zone file; "*.example" is a wildcard) or master-file
text. What is not there is NXDOMAIN with a SOA. A zone may be changed and broken at any time:

    zone.fail("example.org", DnsFault.SERVFAIL)
    zone.fail("example.org", DnsFault.DROP, kind="MX", times=2)
"""

import asyncio
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zonefile

from mailrail.model import NetError
from mailrail.net import Connection, Endpoint, Network

Records: TypeAlias = Mapping[str, Iterable[str]] | str

_TTL_S: Final = 300
_UDP_BYTES: Final = 1232
_LONGEST_CHAIN: Final = 16
_REMEMBERED: Final = 10_000


class DnsFault(Enum):
    """What goes wrong with a name."""

    SERVFAIL = auto()
    REFUSED = auto()
    FORMERR = auto()  # and without the question, as old servers do
    NXDOMAIN = auto()
    DROP = auto()  # no reply at all
    TRUNCATE = auto()  # cut over UDP, whole over TCP
    NO_TCP = auto()  # cut over UDP; over TCP the stream ends without a reply
    WRONG_ID = auto()
    WRONG_QUESTION = auto()
    GARBAGE = auto()  # the right header and question, then nonsense
    LAME = auto()  # a referral instead of an answer
    NO_SOA = auto()  # an empty answer that nobody may keep


@dataclass
class _Trouble:
    fault: DnsFault
    kind: str
    times: int | None


class Zone:
    """What the server knows, and what it does wrong.

    Attributes:
        asked: how often each (name, type) was asked, TCP included.
        asked_by_tcp: the same for TCP only.
        delay_s: seconds before each reply, by name; "*" for all.
        authentic: names whose answers carry AD.
        ttl_s: of records that are added from now on.
        negative_ttl_s: the SOA's minimum.
    """

    def __init__(self, records: Records) -> None:
        self._sets: dict[dns.name.Name, dict[dns.rdatatype.RdataType, dns.rrset.RRset]] = {}
        self._parents: set[dns.name.Name] = set()
        self._troubles: dict[str, _Trouble] = {}
        self._replies: dict[bytes, tuple[str, str, bytes]] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.asked_by_tcp: Counter[tuple[str, str]] = Counter()
        self.delay_s: dict[str, float] = {}
        self.authentic: set[str] = set()
        self.ttl_s = _TTL_S
        self.negative_ttl_s = 60
        self.add(records)

    def add(self, records: Records) -> None:
        """Put *records* beside those known; a name and type that is known gets more of them."""
        text = records if isinstance(records, str) else "\n".join(_lines(records, self.ttl_s))
        for rrset in dns.zonefile.read_rrsets(text, rdclass=None, default_ttl=self.ttl_s):
            known = self._sets.setdefault(rrset.name, {})
            if rrset.rdtype in known:
                for record in known[rrset.rdtype]:
                    rrset.add(record)
            known[rrset.rdtype] = rrset
            self._parents.update(_parents(rrset.name))
        self._replies.clear()

    def remove(self, name: str) -> None:
        """Forget *name*."""
        self._sets.pop(dns.name.from_text(name), None)
        self._replies.clear()

    def fail(self, name: str, fault: DnsFault, *, kind: str = "", times: int | None = None) -> None:
        """Answer questions for *name* ("*": for every name) wrongly: only for type *kind*, only *times* times."""
        self._troubles[name] = _Trouble(fault, kind, times)

    def mend(self, name: str) -> None:
        """Answer *name* rightly again."""
        self._troubles.pop(name, None)

    def respond(self, query: bytes, *, by_tcp: bool = False) -> tuple[float, bytes | None]:
        """Return after how many seconds to say what; None is silence."""
        known = self._replies.get(query[2:])
        if known is None:
            known = self._make_reply(query)
            if len(self._replies) >= _REMEMBERED:
                self._replies.clear()
            self._replies[query[2:]] = known
        name, kind, reply = known
        self.asked[name, kind] += 1
        self.asked_by_tcp[name, kind] += by_tcp
        fault = self._fault(name, kind)
        delay_s = self.delay_s.get(name, self.delay_s.get("*", 0.0)) if self.delay_s else 0.0
        whole = query[:2] + reply
        if fault is not None:
            return delay_s, _spoilt(query, whole, fault, by_tcp=by_tcp)
        if len(whole) > _UDP_BYTES and not by_tcp:
            return delay_s, _cut(query, whole)
        return delay_s, whole

    def _fault(self, name: str, kind: str) -> DnsFault | None:
        trouble = self._troubles.get(name) or self._troubles.get("*")
        if trouble is None or trouble.kind not in ("", kind):
            return None
        if trouble.times is not None:
            if trouble.times == 0:
                return None
            trouble.times -= 1
        return trouble.fault

    def _make_reply(self, query: bytes) -> tuple[str, str, bytes]:
        message = dns.message.from_wire(query)
        question = message.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        reply = dns.message.make_response(message, recursion_available=True)
        self._fill(reply, question.name, question.rdtype)
        if name in self.authentic:
            reply.flags |= dns.flags.AD
        return name, question.rdtype.name, reply.to_wire(max_size=65535)[2:]

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        for _ in range(_LONGEST_CHAIN):
            sets = self._find(name)
            rrset = sets.get(kind) or sets.get(dns.rdatatype.CNAME)
            if rrset is None:
                break
            answer = dns.rrset.from_rdata_list(name, rrset.ttl, list(rrset))
            reply.answer.append(answer)
            if rrset.rdtype == kind:
                return
            name = rrset[0].target
        reply.authority.append(self._soa(name))
        if not self._exists(name):
            reply.set_rcode(dns.rcode.NXDOMAIN)

    def _find(self, name: dns.name.Name) -> dict[dns.rdatatype.RdataType, dns.rrset.RRset]:
        if name in self._sets:
            return self._sets[name]
        for parent in _parents(name):
            star = dns.name.Name((b"*",)).concatenate(parent)
            if star in self._sets:
                return self._sets[star]
            if parent in self._sets:
                break
        return {}

    def _exists(self, name: dns.name.Name) -> bool:
        return bool(self._find(name)) or name in self._parents or name == dns.name.root

    def _soa(self, name: dns.name.Name) -> dns.rrset.RRset:
        owner = name.parent() if len(name) > 1 else name
        text = f"ns.invalid. root.invalid. 1 7200 900 1209600 {self.negative_ttl_s}"
        return dns.rrset.from_text(owner, 3600, "IN", "SOA", text)


def _lines(records: Mapping[str, Iterable[str]], ttl_s: int) -> Iterator[str]:
    for name, lines in records.items():
        for line in lines:
            kind, _, rest = line.partition(" ")
            yield f"{name.rstrip('.')}. {ttl_s} IN {kind} {rest}"


def _parents(name: dns.name.Name) -> Iterator[dns.name.Name]:
    while name != dns.name.root:
        name = name.parent()
        yield name


def _end_of_question(message: bytes) -> int:
    return message.index(b"\0", 12) + 5


def _cut(query: bytes, whole: bytes) -> bytes:
    flags = struct.unpack("!H", whole[2:4])[0] | dns.flags.TC
    return query[:2] + struct.pack("!HHHHH", flags, 1, 0, 0, 0) + query[12 : _end_of_question(query)]


def _empty(query: bytes, rcode: int) -> bytes:
    flags = dns.flags.QR | dns.flags.RD | dns.flags.RA | rcode
    return query[:2] + struct.pack("!HHHHH", flags, 1, 0, 0, 0) + query[12 : _end_of_question(query)]


def _spoilt(query: bytes, whole: bytes, fault: DnsFault, *, by_tcp: bool) -> bytes | None:
    match fault:
        case DnsFault.SERVFAIL | DnsFault.REFUSED | DnsFault.NXDOMAIN:
            return _empty(query, dns.rcode.from_text(fault.name))
        case DnsFault.FORMERR:
            return query[:2] + struct.pack("!HHHHH", dns.flags.QR | dns.rcode.FORMERR, 0, 0, 0, 0)
        case DnsFault.DROP:
            return None
        case DnsFault.TRUNCATE:
            return whole if by_tcp else _cut(query, whole)
        case DnsFault.NO_TCP:
            return None if by_tcp else _cut(query, whole)
        case DnsFault.WRONG_ID:
            return bytes((whole[0] ^ 1, whole[1])) + whole[2:]
        case DnsFault.WRONG_QUESTION:
            return whole[:13] + bytes((whole[13] ^ 1,)) + whole[14:]
        case DnsFault.GARBAGE:
            return whole[:6] + b"\xff\xff" + whole[8 : _end_of_question(whole)] + b"\xc0\xff\x00"
        case DnsFault.LAME:
            return _referral(query)
        case DnsFault.NO_SOA:
            return _empty(query, dns.rcode.NOERROR)


def _referral(query: bytes) -> bytes:
    reply = dns.message.make_response(dns.message.from_wire(query))
    reply.authority.append(dns.rrset.from_text("org.", 60, "IN", "NS", "ns.org."))
    return reply.to_wire()


class ZoneService:
    """A zone served at one endpoint of a Network, in memory or on sockets, UDP and TCP."""

    def __init__(self, network: Network, zone: Zone, endpoint: Endpoint) -> None:
        self._zone = zone
        self._udp = network.datagrams(self._received, ipv6=":" in endpoint.host, bind=endpoint)
        self.endpoint = Endpoint(endpoint.host, self._udp.endpoint.port)
        try:
            self._tcp = network.listen(self.endpoint, self._accept)
        except NetError:
            self._udp.close()
            raise

    def close(self) -> None:
        """Serve no more; idempotent."""
        self._udp.close()
        self._tcp.close()

    def _received(self, query: bytes, sender: Endpoint) -> None:
        try:
            delay_s, reply = self._zone.respond(query)
        except (dns.exception.DNSException, IndexError, ValueError):
            return
        if reply is None:
            return
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._udp.send, reply, sender)
        else:
            self._udp.send(reply, sender)

    def _accept(self, connection: Connection) -> None:
        connection.attach(_Stream(self._zone, connection))


class _Stream:
    """Answers the questions of one TCP connection."""

    def __init__(self, zone: Zone, connection: Connection) -> None:
        self._zone = zone
        self._connection = connection
        self._buffer = bytearray()

    def received(self, data: bytes, /) -> None:
        """Answer every question that is whole."""
        self._buffer += data
        while len(self._buffer) >= 2:
            end = 2 + int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) < end:
                return
            delay_s, reply = self._zone.respond(bytes(self._buffer[2:end]), by_tcp=True)
            del self._buffer[:end]
            asyncio.get_running_loop().call_later(delay_s, self._answer, reply)

    def _answer(self, reply: bytes | None) -> None:
        if reply is None:
            self._connection.close()
        else:
            self._connection.write(struct.pack("!H", len(reply)) + reply)

    def writable(self) -> None:
        """Nothing waits for it."""

    def ended(self, error: NetError | None, /) -> None:
        """Close our side, too."""
        self._connection.close()
