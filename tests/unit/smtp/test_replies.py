"""Rows A14 and A58: replies are hostile input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.model import RemoteProtocolError, Reply
from mailrail.smtp.replies import LINE_OCTETS, REPLY_LINES, ReplyReader, parse_usual


def read(*pieces: bytes) -> list[Reply | str]:
    """Feed pieces; return the replies, and "error" where one came."""
    reader = ReplyReader()
    found: list[Reply | str] = []
    try:
        for piece in pieces:
            reader.receive(piece)
            while reader.ready or reader.read_on():
                found.append(reader.ready.popleft())
    except RemoteProtocolError:
        found.append("error")
    return found


def octets(data: bytes) -> list[bytes]:
    return [data[n : n + 1] for n in range(len(data))]


def test_one_line_gives_its_code_enhanced_code_and_text() -> None:
    assert read(b"250 2.1.5 Recipient ok\r\n") == [Reply(250, "2.1.5", "Recipient ok")]


def test_several_replies_in_one_piece_come_one_by_one() -> None:
    assert read(b"250 a\r\n250 b\r\n354 c\r\n") == [
        Reply(250, "", "a"),
        Reply(250, "", "b"),
        Reply(354, "", "c"),
    ]


def test_several_lines_are_joined_and_share_the_enhanced_code() -> None:
    found = read(b"550-5.7.1 no\r\n550-5.7.1 way\r\n550 5.7.2 and why\r\n")
    assert found == [Reply(550, "5.7.1", "no\nway\n5.7.2 and why")]


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"250\r\n", Reply(250, "", "")),
        (b"250 \r\n", Reply(250, "", "")),
        (b"250 2.0.0\r\n", Reply(250, "2.0.0", "")),
        (b"550 4.1.1 odd\r\n", Reply(550, "", "4.1.1 odd")),
        (b"354 2.0.0 odd\r\n", Reply(354, "", "2.0.0 odd")),
        (b"250 2.1.5000 odd\r\n", Reply(250, "", "2.1.5000 odd")),
        (b"250 \x1b[31mred\tn\xc3\xb6\xff\r\n", Reply(250, "", "?[31mred?n??")),
        (b"599 x\r\n", Reply(599, "", "x")),
    ],
)
def test_odd_but_harmless_lines_are_taken(line: bytes, reply: Reply) -> None:
    assert read(line) == [reply]


@pytest.mark.parametrize(
    "line",
    [
        b"\r\n",
        b"hello\r\n",
        b"25\r\n",
        b"2500 x\r\n",
        b"250x\r\n",
        b"250_x\r\n",
        b"199 x\r\n",
        b"000 x\r\n",
        b"600 x\r\n",
        b"999 x\r\n",
        b"-50 x\r\n",
        b"\xb2\xb5\xb0 x\r\n",
        b"250 a\n",
        b"250 a\0b\r\n",
        b"250 a\rb\r\n",
        b"250 a\r\r\n",
        b"250-a\r\n251 b\r\n",
        b"250-a\r\n550 b\r\n",
        b"250-a\r\n\r\n",
        b"250 " + b"x" * LINE_OCTETS + b"\r\n",
        b"250 " + b"x" * LINE_OCTETS,
        b"250-a\r\n" * (REPLY_LINES + 1),
        (b"250-" + b"x" * 2000 + b"\r\n") * 40,
    ],
)
def test_garbage_is_refused_whole_or_octet_by_octet(line: bytes) -> None:
    """A58."""
    assert read(line) == ["error"]
    assert read(*octets(line)) == ["error"]


def test_a_good_reply_in_front_of_garbage_counts() -> None:
    assert read(b"250 ok\r\n\0\r\n") == [Reply(250, "", "ok"), "error"]


def test_the_longest_line_is_taken() -> None:
    line = b"250 " + b"x" * (LINE_OCTETS - 6) + b"\r\n"
    assert len(line) == LINE_OCTETS
    assert read(line) == [Reply(250, "", "x" * (LINE_OCTETS - 6))]
    assert read(*octets(line)) == read(line)


def test_the_reader_is_empty_between_replies_only() -> None:
    reader = ReplyReader()
    assert reader.is_empty
    for piece, empty in ((b"25", False), (b"0-a\r\n", False), (b"250 b\r\n", True), (b"2", False)):
        reader.receive(piece)
        while reader.ready or reader.read_on():
            reader.ready.popleft()
        assert reader.is_empty is empty


def test_a_reader_with_a_reply_that_nobody_took_is_not_empty() -> None:
    reader = ReplyReader()
    reader.receive(b"220 go\r\n250 slipped in\r\n")
    reader.ready.popleft()
    assert not reader.is_empty


def test_only_short_reads_of_whole_replies_of_one_line_are_remembered() -> None:
    parse_usual.cache_clear()
    assert read(b"250 ok\r\n" * 100) == [Reply(250, "", "ok")] * 100
    assert parse_usual.cache_info().currsize == 0
    for wire in (b"250-a\r\n250 b\r\n", b"250 a\r\n250", b"250 a\r\n\r\n", b"250 a\r250 b\r\n"):
        assert parse_usual(wire) == ()
    assert parse_usual(b"250 a\r\n354 b\r\n") == (Reply(250, "", "a"), Reply(354, "", "b"))


LINES = st.lists(
    st.one_of(
        st.sampled_from([b"250 2.0.0 ok\r\n", b"250-a\r\n", b"354 go\r\n", b"550 5.1.1 no\r\n", b"250\r\n"]),
        st.binary(max_size=12),
    ),
    max_size=12,
).map(b"".join)


@given(LINES, st.data())
def test_the_cut_between_pieces_never_matters(wire: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(wire)))
    assert read(wire) == read(*octets(wire)) == read(wire[:cut], wire[cut:])


@given(
    st.integers(200, 599),
    st.lists(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60), min_size=1, max_size=5
    ),
    st.tuples(st.integers(0, 999), st.integers(0, 999)) | st.none(),
)
def test_what_we_say_is_read_back(code: int, lines: list[str], detail: tuple[int, int] | None) -> None:
    if detail is None or 300 <= code < 400:
        # Without an enhanced code of its own a text may look like one: give it a first word.
        reply = Reply(code, "", "\n".join("- " + line for line in lines))
    else:
        reply = Reply(
            code, f"{code // 100}.{detail[0]}.{detail[1]}", "\n".join(line.lstrip() for line in lines)
        )
    assert read(reply.wire) == [reply]
