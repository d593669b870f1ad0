"""What the gate knows of content: only what goes out by DATA as it is, is plain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.model import Body
from mailrail.server import LimitSettings
from mailrail.smtp.content import ContentGate
from mailrail.smtp.lines import is_clean, stuffed

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
