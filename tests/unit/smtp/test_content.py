"""What the gate knows of content: only what goes out by DATA as it is, is plain."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.smtp.server_harness import SmallLimits

from mailrail.model import Body
from mailrail.server import LimitSettings
from mailrail.smtp.content import ContentGate
from mailrail.smtp.lines import is_clean, plain_message, stuffed

NASTY = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"\0", b"x", b"\r\n."])).map(b"".join)


def gate(*, repairs: bool = False) -> ContentGate:
    return ContentGate(LimitSettings(repair_line_ends=repairs), Body.SEVEN_BIT)


@given(NASTY, st.lists(st.integers(0, 20)), st.booleans())
def test_a19_what_is_called_plain_needs_no_further_look(data: bytes, cuts: list[int], repairs: bool) -> None:
    reader, content, rest = gate(repairs=repairs), b"", data + b"\r\n.\r\n"
    for cut in [*cuts, len(rest)]:
        part, rest = rest[:cut], rest[cut:]
        piece, behind = reader.dots(part)
        content += piece
        if behind is not None:
            break
    if reader.is_plain() and reader.fault is None:
        assert is_clean(content)
        assert stuffed(content) == content + b".\r\n"


@given(NASTY, NASTY, st.integers(0, 12), st.integers(1, 8))
@example(b"", b"", 12, 8)
@example(b".\r\n.\r\n", b"", 12, 8)
@example(b"x\r\n", b"", 3, 8)
@example(b"x\r\n", b"", 2, 8)
@example(b"xxx\r\nxx\r\n", b"MAIL", 12, 3)
@example(b"xxx\r\nxx\r\n", b"MAIL", 12, 2)
def test_a1_a19_what_is_taken_at_once_is_what_the_gate_takes_and_says_is_plain(
    content: bytes, behind: bytes, most_bytes: int, most_line_bytes: int
) -> None:
    limits = SmallLimits(message_bytes=most_bytes, text_line_bytes=most_line_bytes)
    data = content + b".\r\n" + behind
    reader = ContentGate(limits, Body.SEVEN_BIT)
    found, rest = reader.dots(data)
    if found and rest is not None and reader.fault is None and reader.is_plain():
        assert plain_message(data, most_bytes, most_line_bytes) == (found, rest)
    else:
        assert plain_message(data, most_bytes, most_line_bytes) is None


@pytest.mark.parametrize(
    ("wire", "is_plain"),
    [
        (b"a line\r\n.\r\n", True),
        (b".\r\n", True),
        (b"..a dot\r\n.\r\n", False),
        (b"a line\r\n..\r\n.\r\n", False),
        (b"a bare\nend\r\n.\r\n", False),
    ],
)
def test_a19_dots_and_bare_line_ends_make_it_not_plain(wire: bytes, is_plain: bool) -> None:
    reader = gate(repairs=True)
    reader.dots(wire)
    assert reader.is_plain() is is_plain


def test_nothing_is_known_of_what_came_by_bdat() -> None:
    reader = gate()
    reader.chunk(b"a line\r\n")
    assert not reader.is_plain()
