"""Floor 2 · dns — one question to bytes, and the bytes that came back to an answer.

The bytes are hostile. Whatever the codec raises on them is mapped here and nowhere else (A80),
what it returns is bounded, and names are handed on as printable text.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.SOA

from mailrail.model import DnsError

T = TypeVar("T")
Name = dns.name.Name
Kind = dns.rdatatype.RdataType
Read = Callable[[Iterable[dns.rdata.Rdata]], tuple[T, ...]]

# The size that crosses every path in one piece: DNS flag day 2020, RFC 9715 §3.1.
UDP_OCTETS: Final = 1232
LONGEST_CHAIN: Final = 10  # CNAMEs followed; Unbound 11, BIND 16
MOST_RECORDS: Final = 512  # in one reply, all sections; real ones have under 50
_HEADER: Final = struct.Struct("!HHHHHH")
_FLAGS: Final = dns.flags.RD | dns.flags.AD  # AD in a question asks for AD in the answer: RFC 6840 §5.7
# Root name, type OPT, our size, no extended flags (DO is not asked for), no options: RFC 6891 §6.1.2.
_EDNS: Final = b"\0" + struct.pack("!HHIH", dns.rdatatype.OPT, UDP_OCTETS, 0, 0)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        section: the question section as sent: name, type, class IN.
    """

    name: Name
    kind: Kind
    section: bytes

    def query(self, query_id: int) -> bytes:
        """Return the datagram that asks this."""
        return _HEADER.pack(query_id, _FLAGS, 1, 0, 0, 1) + self.section + _EDNS

    def __str__(self) -> str:
        return f"{text_of(self.name)} {self.kind.name}"


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What one reply says.

    Attributes:
        name: where the chain of CNAMEs in the reply ended.
        steps: CNAMEs followed.
        is_whole: False when the chain leads on and *name* must be asked for.
        ttl_s: of the shortest-lived record used; 0 on a negative answer without SOA.
        size_bytes: of the whole reply, whatever else stood in it.
    """

    records: tuple[T, ...]
    name: Name
    steps: int
    is_whole: bool
    name_exists: bool
    authentic: bool
    ttl_s: int
    size_bytes: int


ROOT: Final = Question(dns.name.root, Kind.NS, b"\0" + struct.pack("!HH", Kind.NS, dns.rdataclass.IN))


def text_of(name: Name) -> str:
    """Return *name* as lower-case printable ASCII without the final dot; "" is the root."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()


def name_of(text: str) -> Name | None:
    """Return *text* as a name, or None when no such name can stand in the DNS (RFC 1035 §2.3.4)."""
    if not text or not text.isascii():
        return None
    try:
        return dns.name.from_text(text)
    except (dns.exception.DNSException, ValueError):
        return None


def question(name: Name, kind: Kind) -> Question:
    """Return the question for *name* and *kind*."""
    return Question(name, kind, name.to_digestable() + struct.pack("!HH", kind, dns.rdataclass.IN))


def is_reply(data: bytes, query_id: int, asked: Question) -> bool:
    """Tell whether *data* replies to *asked*: its id, the reply bit, its question (RFC 5452 §9.1).

    An error may leave the question out: servers that do not understand the question do so.
    """
    if len(data) < _HEADER.size:
        return False
    found_id, flags, questions, *_ = _HEADER.unpack_from(data)
    is_query_reply = flags & (dns.flags.QR | 0x7800) == dns.flags.QR
    if found_id != query_id or not is_query_reply:
        return False
    if questions == 0:
        return bool(flags & 0xF)
    echoed = data[_HEADER.size : _HEADER.size + len(asked.section)]
    return questions == 1 and echoed.lower() == asked.section.lower()


def is_truncated(data: bytes) -> bool:
    """Tell whether the reply was cut to fit a datagram."""
    return bool(data[2] & (dns.flags.TC >> 8))


def read_reply(data: bytes, asked: Question, read: Read[T]) -> Reading[T]:
    """Return what the reply *data* says.

    Args:
        read: makes values of the records; runs under the same guard as the codec.

    Raises:
        DnsError: an error code (SERVFAIL, REFUSED ...), a lame referral, a loop, or bytes that make no sense.
    """
    try:
        message = _decode(data, asked)
        return replace(_read_message(message, asked, read), size_bytes=len(data))
    except DnsError:
        raise
    # DEVIATES STYLE §18: the codec meets hostile bytes, and may raise anything, RecursionError included (A80).
    except Exception as error:
        raise _trouble(asked, f"the reply makes no sense ({type(error).__name__})") from error


def _decode(data: bytes, asked: Question) -> dns.message.Message:
    # Counted before they are decoded: 64 KiB of compressed names would hold the loop for half a second.
    if sum(_HEADER.unpack_from(data)[3:]) > MOST_RECORDS:
        raise _trouble(asked, "the reply has too many records")
    return dns.message.from_wire(data, ignore_trailing=True)


def _read_message(message: dns.message.Message, asked: Question, read: Read[T]) -> Reading[T]:
    rcode = message.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise _trouble(asked, f"the resolver says {dns.rcode.to_text(rcode)}")
    name, ttls = asked.name, [2**31 - 1]
    for steps in range(LONGEST_CHAIN + 1):
        rrset = message.get_rrset(message.answer, name, dns.rdataclass.IN, asked.kind)
        if rrset is not None:
            return _reading(message, read(rrset), name, steps, min(*ttls, rrset.ttl))
        alias = message.get_rrset(message.answer, name, dns.rdataclass.IN, Kind.CNAME)
        if alias is None:
            return _negative(message, asked, name, steps, min(ttls))
        ttls.append(alias.ttl)
        first = alias[0]
        assert isinstance(first, dns.rdtypes.ANY.CNAME.CNAME)
        name = first.target
    raise _trouble(asked, "the chain of CNAMEs is a loop or too long")


def _negative(
    message: dns.message.Message, asked: Question, name: Name, steps: int, ttl_s: int
) -> Reading[T]:
    """Read a reply without records: no such name, no such record, or not the end of the chain."""
    soas = [rrset for rrset in message.authority if rrset.rdtype == Kind.SOA]
    is_nxdomain = message.rcode() == dns.rcode.NXDOMAIN
    if not soas and not is_nxdomain:
        if steps:
            return _reading(message, (), name, steps, ttl_s, is_whole=False)
        if not message.flags & dns.flags.RA and any(rrset.rdtype == Kind.NS for rrset in message.authority):
            raise _trouble(asked, "the server only refers to others: it is no resolver")
    # RFC 2308 §5: the lesser of the SOA's own TTL and its minimum; without a SOA it is not kept.
    bounds = [
        min(rrset.ttl, soa.minimum)
        for rrset in soas
        for soa in rrset
        if isinstance(soa, dns.rdtypes.ANY.SOA.SOA)
    ]
    # RFC 6604 §2: the code speaks of the last name of the chain.
    return _reading(message, (), name, steps, min([ttl_s, *bounds]) if bounds else 0, exists=not is_nxdomain)


def _reading(
    message: dns.message.Message,
    records: tuple[T, ...],
    name: Name,
    steps: int,
    ttl_s: int,
    *,
    exists: bool = True,
    is_whole: bool = True,
) -> Reading[T]:
    return Reading(records, name, steps, is_whole, exists, bool(message.flags & dns.flags.AD), ttl_s, 0)


def _trouble(asked: Question, words: str) -> DnsError:
    return DnsError(text_of(asked.name), f"{asked}: {words}", try_again=True)
