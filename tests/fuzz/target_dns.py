"""Whatever bytes come back as the answer to a question:

- they say something, or a DnsError that may be tried again; nothing else is raised;
- what they say is bounded, names are printable ASCII, times are not negative.

Input: the type asked for, the reply code and flags, then the reply behind its question section.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any

from tests.fuzz.tape import Tape

from mailrail.dns.resolver import _read_a, _read_aaaa, _read_mx, _read_ptr, _read_txt
from mailrail.dns.wire import (
    LONGEST_CHAIN,
    MOST_RECORDS,
    Kind,
    is_reply,
    is_truncated,
    name_of,
    question,
    read_reply,
    text_of,
)
from mailrail.model import DnsError

_KINDS: tuple[tuple[Kind, Callable[..., tuple[Any, ...]]], ...] = (
    (Kind.MX, _read_mx),
    (Kind.A, _read_a),
    (Kind.AAAA, _read_aaaa),
    (Kind.TXT, _read_txt),
    (Kind.PTR, _read_ptr),
)


def check(data: bytes) -> None:
    tape = Tape(data)
    kind, read = _KINDS[tape.number(len(_KINDS))]
    flags, counts = 0x8180 | tape.number(16) | tape.number(256) << 4 & 0x620, tape.take(3)
    name = name_of("example.org")
    assert name is not None
    asked = question(name, kind)
    reply = struct.pack("!HHHHHH", 7, flags, 1, *counts) + asked.section + tape.rest()
    is_reply(data, 7, asked)
    assert is_reply(reply, 7, asked)
    is_truncated(reply)
    try:
        found = read_reply(reply, asked, read)
    except DnsError as error:
        if not error.try_again:
            raise
        return
    assert len(found.records) <= MOST_RECORDS
    assert found.ttl_s >= 0
    assert found.steps <= LONGEST_CHAIN
    names = [text_of(found.name), *(record.host for record in found.records if kind is Kind.MX)]
    assert all(text.isascii() and (text.isprintable() or not text) for text in names)


def seeds() -> Iterator[bytes]:
    owner, ttl = b"\xc0\x0c", b"\0\0\1\0"
    yield b"\0\0\0\1\0\0" + owner + b"\0\x0f\0\1" + ttl + b"\0\7\0\x0a\2mx\xc0\x0c"
    yield b"\1\0\0\1\0\0" + owner + b"\0\1\0\1" + ttl + b"\0\4\xc0\0\2\1"
    yield b"\2\0\0\1\0\0" + owner + b"\0\x1c\0\1" + ttl + b"\0\x10" + b"\x20\1\r\xb8" + b"\0" * 11 + b"\1"
    yield b"\3\0\0\1\0\0" + owner + b"\0\x10\0\1" + ttl + b"\0\6\2ab\2cd"
    yield b"\4\0\0\1\0\0" + owner + b"\0\x0c\0\1" + ttl + b"\0\7\4host\xc0\x0c"
    yield (
        b"\1\0\0\2\0\0"
        + owner
        + b"\0\5\0\1"
        + ttl
        + b"\0\4\1a\xc0\x0c"
        + b"\xc0\x29\0\1\0\1"
        + ttl
        + b"\0\4\xc0\0\2\1"
    )
    soa = b"\2ns\xc0\x0c\2hm\xc0\x0c" + struct.pack("!IIIII", 1, 2, 3, 4, 5)
    yield b"\0\3\0\0\1\0" + owner + b"\0\6\0\1" + ttl + struct.pack("!H", len(soa)) + soa
