"""Replies: well-formed whatever their text, and each one in the register with a source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.model import Reply, printable, register
from mailrail.model import reply as say


@given(st.integers(200, 599), st.sampled_from(["", "4.7.1", "5.123.456"]), st.text(max_size=1200))
def test_a14_a_reply_is_well_formed_whatever_its_text(code: int, enhanced_code: str, text: str) -> None:
    wire = Reply(code, enhanced_code, text).wire
    lines = wire.split(b"\r\n")
    assert lines.pop() == b""
    assert len(lines) == text.count("\n") + 1
    for number, line in enumerate(lines):
        assert len(line) + 2 <= 512
        assert line.decode("ascii").isprintable()
        assert line[:3] == str(code).encode()
        assert line[3:4] == (b" " if number == len(lines) - 1 else b"-")
        assert line[4:].startswith(enhanced_code.encode())


@given(st.text())
def test_a14_printable_text_has_no_control_characters(text: str) -> None:
    plain = printable(text)
    assert plain.isascii()
    assert plain.isprintable()
    assert len(plain) == len(text)


@pytest.mark.parametrize("name", register())
def test_every_reply_of_the_register_names_its_source_and_agrees_with_itself(name: str) -> None:
    reply = register()[name]
    # XCLIENT has no RFC: Postfix's own page is the standard.
    assert reply.source.startswith(("RFC ", "Postfix XCLIENT_README"))
    assert 200 <= reply.code <= 599
    if reply.enhanced_code:
        assert reply.enhanced_code[0] == str(reply.code)[0]
        assert len(reply.enhanced_code.split(".")) == 3
    assert (reply.is_positive, reply.is_temporary, reply.is_permanent).count(True) == 1
    assert reply.wire.endswith(b"\r\n")


def test_the_answer_to_a_message_is_queued_with_its_name() -> None:
    """It is made without the constructor."""
    reply, usual = say.queued_as("0123456789B"), say.QUEUED.with_text("Queued as 0123456789B")
    assert reply == usual
    assert (reply.wire, reply.source, str(reply)) == (usual.wire, usual.source, str(usual))


def test_other_words_leave_the_codes() -> None:
    reply = say.TOO_BIG.with_text("too\nbig")
    assert (reply.code, reply.enhanced_code, reply.source) == (552, "5.3.4", say.TOO_BIG.source)
    assert reply.wire == b"552-5.3.4 too\r\n552 5.3.4 big\r\n"
    assert str(reply) == "552 5.3.4 too / big"
    assert str(say.START_DATA) == "354 End data with <CR><LF>.<CR><LF>"
