"""The MIME tree is read from offsets, bounded in depth, parts and time (A17)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.message import Part, read_tree
from mailrail.message.mime import MAX_DEPTH, MAX_PARTS, parse_content_type


def multipart(boundary: str, *parts: bytes, kind: str = "mixed") -> bytes:
    dashed = b"\r\n--" + boundary.encode()
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    return (
        head
        + b"preamble"
        + b"".join(dashed + b"\r\n" + part for part in parts)
        + dashed
        + b"--\r\nepilogue\r\n"
    )


def shape(part: Part) -> object:
    return (part.content_type, [shape(inner) for inner in part.parts]) if part.parts else part.content_type


def bodies(content: bytes) -> list[bytes]:
    return [content[part.body : part.end] for part in read_tree(content).walk() if not part.parts]


def test_a_message_without_labels_is_plain_text() -> None:
    tree = read_tree(b"Subject: x\r\n\r\nbody\r\n")
    assert (tree.content_type, tree.encoding, tree.parts, tree.is_opaque) == ("text/plain", "7bit", (), False)


def test_parts_end_before_the_line_end_of_their_delimiter() -> None:
    content = multipart("b", b"\r\none\r\n", b"Content-Type: image/png\r\n\r\ntwo")
    assert shape(read_tree(content)) == ("multipart/mixed", ["text/plain", "image/png"])
    assert bodies(content) == [b"one\r\n", b"two"]


def test_a_boundary_may_begin_with_another() -> None:
    content = multipart("b", b"\r\n--bb\r\n--b x\r\n", multipart("bb", b"\r\ninner"))
    assert shape(read_tree(content)) == (
        "multipart/mixed",
        ["text/plain", ("multipart/mixed", ["text/plain"])],
    )


def test_a_missing_close_delimiter_ends_with_the_parent() -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n"
    assert bodies(content) == [b"one", b"two\r\n"]


def test_delimiters_in_a_row_make_empty_parts() -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b \t\r\n--b--"
    assert [(part.start, part.end) for part in read_tree(content).parts] == [(50, 50), (57, 57)]


def test_an_inner_message_is_a_part_and_an_encoded_one_is_not() -> None:
    assert shape(read_tree(b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny")) == (
        "message/rfc822",
        ["text/plain"],
    )
    encoded = b"Content-Transfer-Encoding: base64\r\nContent-Type: message/rfc822\r\n\r\nU3Vi"
    assert shape(read_tree(encoded)) == "message/rfc822"


def test_a_digest_holds_messages() -> None:
    tree = read_tree(multipart("b", b"\r\nSubject: x\r\n\r\ny", kind="digest"))
    assert shape(tree) == ("multipart/digest", [("message/rfc822", ["text/plain"])])


@pytest.mark.parametrize(
    "parameter", ["", "; boundary=", '; boundary=""', '; boundary="\xff"', "; boundary=" + "x" * 300]
)
def test_a17_a_multipart_without_a_usable_boundary_is_opaque(parameter: str) -> None:
    tree = read_tree(f"Content-Type: multipart/mixed{parameter}\r\n\r\n--\r\n\r\nx\r\n".encode("latin-1"))
    assert tree.is_opaque
    assert not tree.parts


def test_a17_a_boundary_that_never_comes_is_opaque() -> None:
    assert read_tree(b"Content-Type: multipart/mixed; boundary=b\r\n\r\nx").is_opaque


def test_a17_the_same_boundary_again_finds_nothing() -> None:
    inner = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
    tree = read_tree(multipart("b", inner))
    assert sum(1 for _ in tree.walk()) < 6


def test_a17_ten_thousand_levels_are_read_to_a_depth() -> None:
    content = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(10_000)
    )
    messages = b"Content-Type: message/rfc822\r\n\r\n" * 10_000
    for hostile in (content, messages):
        parts = list(read_tree(hostile).walk())
        assert len(parts) == MAX_DEPTH + 1
        assert parts[-1].is_opaque


def test_a17_a_million_parts_are_read_to_a_number() -> None:
    tree = read_tree(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 1_000_000)
    assert len(tree.parts) == MAX_PARTS
    assert tree.is_opaque


def test_a17_lines_that_only_look_like_delimiters_are_bounded() -> None:
    lines = b"\r\n--b x" * 100_000
    tree = read_tree(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + lines)
    assert tree.is_opaque


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b" Text/HTML", ("text/html", {})),
        (b' multipart/mixed;\r\n boundary="a \\"b"; charset=utf-8', ("multipart/mixed", {"boundary": 'a "b', "charset": "utf-8"})),
        (b" (one) text (two (three)) / plain (four\\)) ; (five) a=b", ("text/plain", {"a": "b"})),
        (b' multipart/mixed; boundary="(not a comment)"', ("multipart/mixed", {"boundary": "(not a comment)"})),
        (b" a/b; x=1; X=2", ("a/b", {"x": "1"})),
        (b" nonsense", ("text/plain", {})),
        (b"", ("text/plain", {})),
        (b"(" * 100_000, ("text/plain", {})),
    ],
)  # fmt: skip
def test_a_content_type_is_read(raw: bytes, read: tuple[str, dict[str, str]]) -> None:
    assert parse_content_type(raw) == read


@given(st.lists(st.sampled_from([
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n", b"\r\n", b"--b\r\n",
    b"--b--\r\n", b"--b", b"x", b"Content-Transfer-Encoding: base64\r\n", b"\r", b"\n"])).map(b"".join))  # fmt: skip
def test_parts_lie_inside_their_parents_and_do_not_overlap(content: bytes) -> None:
    for part in read_tree(content).walk():
        assert part.start <= part.header_end <= part.body <= part.end
        at = part.body
        for inner in part.parts:
            assert at <= inner.start
            at = inner.end
        assert at <= part.end
