"""Conversion decodes to the same content, and whatever cannot be done is told, not half done."""

from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailrail.message import Obstacle, convert, needs_smtputf8
from mailrail.message.transfer_encoding import base64_lines, quoted_printable

TEXT = "Grüße,\r\n.und Punkt\r\nFrom hier \r\n" + "ß" * 2000 + "\r\n"


def labels(kind: str, encoding: str = "8bit", *, top: bool = True) -> bytes:
    version = "MIME-Version: 1.0\r\n" if top else ""
    return f"{version}Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()


def leaf(content: bytes | Obstacle) -> tuple[Message, bytes]:
    assert isinstance(content, bytes)
    message = BytesParser(policy=compat32).parsebytes(content)
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return message, payload


def test_a30_text_becomes_quoted_printable_and_keeps_its_lines() -> None:
    converted = convert(
        b"Subject: x\r\n" + labels("text/plain; charset=utf-8") + TEXT.encode(), may_8bit=False
    )
    message, payload = leaf(converted)
    assert isinstance(converted, bytes)
    assert converted.isascii()
    assert max(map(len, converted.split(b"\r\n"))) <= 76
    assert message["Content-Transfer-Encoding"] == "quoted-printable"
    assert message.get_all("Subject") == ["x"]
    assert payload == TEXT.encode()


def test_a30_what_is_no_text_becomes_base64() -> None:
    octets = bytes(range(256)) * 10
    converted = convert(labels("application/octet-stream", "binary") + octets, may_8bit=False)
    message, payload = leaf(converted)
    assert message["Content-Transfer-Encoding"] == "base64"
    assert payload == octets


def test_text_without_labels_gets_them() -> None:
    """RFC 1428: its charset is not known."""
    converted = convert("Subject: x\r\n\r\nGrüße\r\n".encode(), may_8bit=False)
    message, payload = leaf(converted)
    assert message["MIME-Version"] == "1.0"
    assert message["Content-Type"] == "text/plain; charset=unknown-8bit"
    assert payload.decode() == "Grüße\r\n"


def test_only_the_parts_that_need_it_change() -> None:
    content = (
        labels("multipart/mixed; boundary=b")
        + b"preamble\r\n--b\r\n" + b"Content-Type: text/html\r\n\r\n<p>plain  </p>\r\n.\r\n"
        + b"\r\n--b\r\n" + labels("text/plain; charset=utf-8", top=False) + "ü ".encode()
        + b"\r\n--b\r\n" + labels("message/rfc822", top=False) + b"Subject: in\r\n" + labels("image/png") + b"\xff\xd8"
        + b"\r\n--b--\r\nepilogue\r\n"
    )  # fmt: skip
    assert convert(content, may_8bit=False) == (
        labels("multipart/mixed; boundary=b", "7bit")
        + b"preamble\r\n--b\r\n" + b"Content-Type: text/html\r\n\r\n<p>plain  </p>\r\n.\r\n"
        + b"\r\n--b\r\n" + labels("text/plain; charset=utf-8", "quoted-printable", top=False) + b"=C3=BC=20"
        + b"\r\n--b\r\n" + labels("message/rfc822", "7bit", top=False) + b"Subject: in\r\n"
        + labels("image/png", "base64") + b"/9g="
        + b"\r\n--b--\r\nepilogue\r\n"
    )  # fmt: skip


@pytest.mark.parametrize("may_8bit", [True, False])
def test_what_fits_comes_back_as_it_is(may_8bit: bool) -> None:
    content = (
        labels("multipart/signed; boundary=b", "7bit") + b"--b\r\n\r\n" + b"x" * 2000 + b" \r\n--b--\r\n"
    )
    assert convert(content, may_8bit=may_8bit) is not None
    assert convert(content, may_8bit=may_8bit) == content


def test_binarymime_for_a_hop_with_8bitmime_keeps_what_is_8bit() -> None:
    eight = labels("text/plain; charset=utf-8", top=False) + "ü\r\n".encode()
    binary = labels("application/x", "binary", top=False) + b"\0\n\r\xff"
    content = labels("multipart/mixed; boundary=b", "binary") + b"--b\r\n%b\r\n--b\r\n%b\r\n--b--" % (
        eight,
        binary,
    )
    converted = convert(content, may_8bit=True)
    assert isinstance(converted, bytes)
    assert converted.startswith(labels("multipart/mixed; boundary=b", "8bit"))
    assert eight in converted
    assert labels("application/x", "base64", top=False) + b"AAoN/w==" in converted
    assert converted.endswith(b"--b--\r\n")


def test_binary_text_with_bare_line_feeds_becomes_base64() -> None:
    _, payload = leaf(convert(labels("text/plain", "binary") + b"a\nb\r\n", may_8bit=True))
    assert payload == b"a\nb\r\n"


def test_a_binary_part_with_clean_lines_stays_unless_a_line_is_too_long() -> None:
    assert (
        convert(labels("image/x", "binary") + b"ab\r\n", may_8bit=True)
        == labels("image/x", "binary") + b"ab\r\n"
    )
    converted = convert(labels("image/x", "binary") + b"x" * 1000, may_8bit=True)
    assert leaf(converted)[0]["Content-Transfer-Encoding"] == "base64"


def test_an_internationalised_inner_message_is_encoded_whole() -> None:
    inner = "Subject: ü\r\n\r\nü\r\n".encode()
    message = labels("message/global") + inner
    converted = convert(message, may_8bit=False)
    assert converted == labels("message/global", "base64") + base64_lines(inner)
    assert not needs_smtputf8(message)


@pytest.mark.parametrize(
    ("content", "obstacle"),
    [
        ("Subject: ü\r\n\r\nx\r\n".encode(), Obstacle.HEADER),
        (b"Subject: x\0\r\n\r\nx\r\n", Obstacle.BROKEN),
        (labels("multipart/signed; boundary=b") + b"--b\r\n\r\n\xff\r\n--b--\r\n", Obstacle.SEALED),
        (labels("multipart/encrypted; boundary=b") + b"--b\r\n\r\n\xff\r\n--b--\r\n", Obstacle.SEALED),
        (labels("multipart/mixed") + b"\xff\r\n", Obstacle.BROKEN),
        (labels("multipart/mixed; boundary=b") + b"\xff\r\n--b\r\n\r\nx\r\n--b--\r\n", Obstacle.BROKEN),
        (labels("multipart/mixed; boundary=b") + b"--b\r\n\r\nx\r\n--b--\r\n\xff", Obstacle.BROKEN),
        (labels("message/rfc822") + "Subject: ü\r\n\r\n".encode(), Obstacle.HEADER),
        (labels("message/partial") + b"\xff", Obstacle.BROKEN),
        (labels("text/plain", "quoted-printable") + b"\xff", Obstacle.BROKEN),
        (labels("text/plain", "x-unknown") + b"\xff", Obstacle.BROKEN),
    ],
)
def test_a29_a30_what_cannot_be_converted_is_told(content: bytes, obstacle: Obstacle) -> None:
    assert convert(content, may_8bit=False) is obstacle


def test_what_is_too_big_is_told() -> None:
    assert convert(b"x" * 11, may_8bit=False, max_bytes=10) is Obstacle.TOO_BIG


def test_a17_hostile_depth_is_an_obstacle_not_a_crash() -> None:
    assert (
        convert(b"Content-Type: message/rfc822\r\n\r\n" * 10_000 + b"\xff", may_8bit=False) is Obstacle.BROKEN
    )


def test_a29_headers_that_need_smtputf8_are_found_at_every_level() -> None:
    part = labels("multipart/mixed; boundary=b") + b"--b\r\nContent-Description: %b\r\n\r\nx\r\n--b--\r\n"
    assert needs_smtputf8(part % "ü".encode())
    assert not needs_smtputf8(part % b"u")
    assert not needs_smtputf8("Subject: x\r\n\r\nü".encode())


@given(st.lists(st.text(max_size=200).map(str.encode) | st.binary(max_size=200)).map(b"\r\n".join))
@example(b"From ")  # two reasons to quote in one line
def test_quoted_printable_decodes_to_the_same(octets: bytes) -> None:
    coded = quoted_printable(octets)
    assert coded.isascii()
    assert all(len(line) <= 76 and not line.endswith((b" ", b"\t")) for line in coded.split(b"\r\n"))
    assert coded.count(b"\r") == coded.count(b"\n") == coded.count(b"\r\n")
    message, payload = leaf(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + coded)
    assert payload == octets
    assert message is not None


@given(st.binary(max_size=400))
def test_base64_decodes_to_the_same(octets: bytes) -> None:
    coded = base64_lines(octets)
    assert all(len(line) <= 76 for line in coded.split(b"\r\n"))
    assert leaf(b"Content-Transfer-Encoding: base64\r\n\r\n" + coded)[1] == octets


@given(st.binary(max_size=200), st.sampled_from(["text/plain", "image/x", "message/global"]), st.booleans())
def test_a_converted_leaf_decodes_to_the_same(body: bytes, kind: str, may_8bit: bool) -> None:
    content = labels(kind, "binary") + body
    converted = convert(content, may_8bit=may_8bit)
    assert isinstance(converted, bytes)
    if converted.removesuffix(b"\r\n") == content.removesuffix(b"\r\n"):
        return
    assert may_8bit or converted.isascii()
    message = BytesParser(policy=compat32).parsebytes(converted.replace(b"message/global", b"image/global"))
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.removesuffix(b"\r\n") == body.removesuffix(b"\r\n")
