"""Whatever a program writes to sendmail, and whatever lies in the maildrop:

- a message comes out as one that travels: clean lines, those of the body of at most 998 octets, no NUL, the same in whatever
  pieces it is read;
- a list of recipients is addresses that the strict parser takes, or a ValueError; read again, the addresses are themselves;
- an envelope is read or a DropError, and what was read is written and reads back.

Input: two octets that choose pieces and -i, then the octets for all three.
"""

from collections.abc import Iterator
from contextlib import suppress

from tests.fuzz.tape import Tape

from mailrail.maildrop import DropError, format_head, parse_head
from mailrail.model import parse_address, parse_local_part
from mailrail.sendmail.content import LINE_OCTETS, Content, is_dropped, travelling_header
from mailrail.sendmail.recipients import recipients_in
from mailrail.smtp import is_clean

_HEADER_BYTES = 2000


def check(data: bytes) -> None:
    tape = Tape(data)
    size, ends_at_dot = 1 + tape.number(9), tape.flag()
    octets = tape.rest()
    whole = _taken(octets, len(octets) or 1, ends_at_dot=ends_at_dot)
    assert whole == _taken(octets, size, ends_at_dot=ends_at_dot)
    if whole is not None:
        header, body = whole
        assert is_clean(header + body)
        assert b"\0" not in header + body
        assert max(map(len, body.split(b"\r\n"))) <= LINE_OCTETS
    _check_recipients(octets.decode("utf-8", "surrogateescape"))
    with suppress(DropError):
        handed, begin = parse_head(octets)
        again = format_head(handed)
        assert parse_head(again + octets[begin:]) == (handed, len(again))


def _taken(octets: bytes, size: int, *, ends_at_dot: bool) -> tuple[bytes, bytes] | None:
    at = 0

    def read(_most: int) -> bytes:
        nonlocal at
        at, start = at + size, at
        return octets[start:at]

    content = Content(read, ends_at_dot=ends_at_dot)
    fields = content.header(_HEADER_BYTES)
    if fields is None:
        return None
    return travelling_header([one for one in fields if not is_dropped(one)]), b"".join(content.body())


def _check_recipients(text: str) -> None:
    try:
        found = recipients_in(text)
    except ValueError:
        return
    for address in found:
        if "@" in address and not address.endswith('"'):
            parse_address(address)
        else:
            parse_local_part(address)
    assert recipients_in(",".join(f"<{address}>" for address in found)) == found


def seeds() -> Iterator[bytes]:
    yield b'\x05\x01To: "Lee, Ann" <ann@x.example>, Friends: b@x.example, c@x.example;\nBcc: d\n\nhello\r\n.\r\nmore\r'
    yield b"\x01\x00From ann Thu\nSubject: x\r\r\n folded\n\n" + b"x" * 1200 + "ü".encode() * 600
    yield b'\x03\x01<@r.example,@s.example:ann@x.example>, ann @ x . example (a (b) \\) c); "a b"@[192.0.2.1]'
    yield b"\x02\x00mailrail 1\nsender ann@x.example\nname Ann\nto bob@x.example\nto c\nnotify NEVER\n\nSubject: x\r\n\r\n"
