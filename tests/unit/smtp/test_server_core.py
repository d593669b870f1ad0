"""The server core under any bytes: no surprise, no growth, the same whole or in pieces."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.smtp.server_harness import Site, SmallLimits, make_site

from mailrail.model import LocalProtocolError, Reply
from mailrail.model import reply as say
from mailrail.smtp import Chunk, EndOfData, Event, Offer, Offers, ServerConnection, State

LIMITS = replace(SmallLimits(), errors=1000, junk=1000, messages=1000, message_bytes=300)
WORDS = st.sampled_from(
    [
        b"EHLO a.example\r\n",
        b"HELO a.example\r\n",
        b"MAIL FROM:<ann@example.org>\r\n",
        b"MAIL FROM:<ann@example.org> BODY=BINARYMIME\r\n",
        b"MAIL FROM:<> SIZE=99999\r\n",
        b"RCPT TO:<bob@example.net>\r\n",
        b"DATA\r\n",
        b"text\r\n",
        b".\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b".",
        b"\0",
        b"\n.\n",
        b"BDAT 5\r\nabcde",
        b"BDAT 5 LAST\r\nab\r\nc",
        b"BDAT 0 LAST\r\n",
        b"BDAT 400\r\n",
        b"BDAT 400 LAST\r\n",
        b"x" * 150,
        b"RSET\r\n",
        b"NOOP\r\n",
        b"VRFY a\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH PLAIN AGFubgBzZWNyZXQ=\r\n",
        b"*\r\n",
        b"\xff\xfe\r\n",
        b"x" * 2100,
        b"\x16\x03\x01",
    ]
)
SCRIPTS = st.lists(WORDS, max_size=25).map(b"".join)


def site() -> Site:
    made = make_site(limits=LIMITS)
    offer = Offer("mx.example", 300, 3, 1000, False, ("PLAIN",), may_auth_in_clear=True)
    made.core = ServerConnection(LIMITS, Offers.of(offer))
    made.core.greet(say.GREETING)
    made.core.may_run_ahead = True
    made.said += made.core.data_to_send()
    return made


def joined(events: list[Event]) -> list[object]:
    """Content may be cut anywhere: put it together."""
    out: list[object] = []
    content = b""
    for event in events:
        if isinstance(event, Chunk | EndOfData):
            content += event.content
        if not isinstance(event, Chunk):
            out += [content, repr(replace(event, content=b"") if isinstance(event, EndOfData) else event)]
            content = b""
    return [*out, content]


@settings(max_examples=300)
@given(SCRIPTS, st.integers(1, 40))
@example(b"EHLO a.example\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nBDAT 5 LAST\r\nab\r\nc", 1)
def test_whole_or_in_pieces_is_the_same_session(script: bytes, piece: int) -> None:
    whole, cut = site(), site()
    whole.feed(script)
    for at in range(0, len(script), piece):
        cut.feed(script[at : at + piece])
    assert cut.said == whole.said
    assert cut.kept == whole.kept
    if whole.core.errors == 0:  # content that is refused later may have come out before
        assert joined(cut.events) == joined(whole.events)
    assert cut.core.state is whole.core.state


@settings(max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=400), WORDS), max_size=20), st.booleans())
def test_a13_any_bytes_are_answered_within_bounds(parts: list[bytes], is_trusted: bool) -> None:
    made = site()
    made.core.may_run_ahead = is_trusted
    for part in parts:
        made.feed(part)
        assert made.core.buffered <= LIMITS.auth_line_bytes + 400
        lines = made.said.split(b"\r\n")
        assert lines.pop() == b""
        assert all(len(line) <= 510 and line.isascii() and line.decode().isprintable() for line in lines)
        made.said = b""


@pytest.mark.parametrize(
    "word", [b"\xe4" * 900, b"%s" * 400, b"\x7f" * 40, "\u202e".encode() * 40, b'"' * 900]
)
@pytest.mark.parametrize(
    "form", [b"MAIL FROM:<%b>", b"RCPT TO:<%b@example.net>", b"VRFY %b", b"MAIL FROM:<a@b> %b", b"%b"]
)
def test_a14_what_is_said_back_is_short_and_harmless(form: bytes, word: bytes) -> None:
    made = site()
    made.feed(
        b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\n"
        if form.startswith(b"RCPT")
        else b"EHLO a.example\r\n"
    )
    made.said = b""
    made.feed(form.replace(b"%b", word) + b"\r\n")
    for line in made.said.split(b"\r\n")[:-1]:
        assert len(line) <= 510
        assert line.decode("ascii").isprintable()


def test_misuse_is_told_to_the_caller() -> None:
    core = site().core
    with pytest.raises(LocalProtocolError):
        core.greet(say.GREETING)
    with pytest.raises(LocalProtocolError):
        core.reply(say.DONE)
    with pytest.raises(LocalProtocolError):
        core.reply_each([say.DONE])


def test_replies_for_each_recipient_are_for_lmtp_and_as_many_as_there_are() -> None:
    for is_lmtp in (True, False):
        made = make_site(lmtp=is_lmtp)
        core = made.core
        made.feed(b"LHLO a.example\r\n" if is_lmtp else b"EHLO a.example\r\n")
        made.feed(b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<c@b.example>\r\nDATA\r\n")
        core.receive(b".\r\n")
        core.next_event()
        with pytest.raises(LocalProtocolError):
            core.reply_each([say.DONE] * (1 if is_lmtp else 2))
        core.data_to_send()
        core.reply_each([say.DONE] * 2) if is_lmtp else core.reply(say.DONE)
        assert core.data_to_send() == say.DONE.wire * (2 if is_lmtp else 1)


def test_what_stands_behind_a_secret_that_was_asked_for_is_not_forgotten() -> None:
    made = site()
    made.feed(b"EHLO a.example\r\nAUTH PLAIN\r\n")
    made.said = b""
    made.feed(b"AGFubgBzZWNyZXQ=\r\nNOOP\r\n")
    assert made.said == say.AUTH_DONE.wire + say.DONE.wire


def test_a_line_that_is_content_is_not_read_again_as_the_command_that_it_looks_like() -> None:
    made = site()
    line = b"MAIL FROM:<ann@example.org>\r\n"
    made.feed(b"EHLO a.example\r\n" + line + b"RCPT TO:<a@b.example>\r\nBDAT 5\r\n")
    made.feed(line)  # five octets are content
    assert [event for event in made.events if isinstance(event, Chunk)] == [Chunk(b"MAIL ")]
    assert made.core.refusals == (say.UNKNOWN_COMMAND,)


@pytest.mark.parametrize("reply", [say.NO_SUCH_USER, say.INTERNAL_ERROR])
def test_the_shell_hears_of_a_mistake_a_refusal_of_our_own_and_the_end(reply: Reply) -> None:
    core = site().core
    core.next_event(b"EHLO a.example\r\n")
    assert core.reply(say.HELLO)
    core.next_event(b"MAIL FROM:<>\r\n")
    assert not core.reply(reply)
    assert core.is_troubled is reply.is_permanent
    for line in (b"WHAT\r\n", b"QUIT\r\n"):
        core.is_troubled = False
        core.next_event(line)
        assert core.is_troubled


def test_a_421_ends_the_session_at_any_step() -> None:
    for script in (b"", b"EHLO a.example\r\n", b"EHLO a.example\r\nMAIL FROM:<>\r\n"):
        made = site()
        made.feed(script)
        made.core.receive(b"VRFY a\r\n")
        made.core.next_event()
        made.core.reply(say.INTERNAL_421)
        assert made.core.is_over
        assert made.core.data_to_send() == say.INTERNAL_421.wire
        made.core.close_with(say.INTERNAL_421)
        made.core.receive(b"NOOP\r\n")
        assert made.core.next_event() is None
        assert made.core.data_to_send() == b""


def test_nothing_is_read_before_the_greeting_is_said() -> None:
    offer = Offer("mx.example", 300, 3, 10)
    core = ServerConnection(LIMITS, Offers.of(offer))
    core.receive(b"EHLO a.example\r\n")
    assert core.next_event() is None
    assert core.state is State.FRESH
    core.greet(say.GREETING)
    assert core.data_to_send() == say.EARLY_TALKER.wire


def test_a16_a_message_of_bare_line_ends_is_mended_where_that_is_wanted() -> None:
    made = make_site(limits=replace(SmallLimits(), repair_line_ends=True))
    made.feed(b"EHLO a.example\r\n")
    made.feed(b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n")
    made.feed(b"one\n.\ntwo\rthree\r\n.\r\n")
    assert made.kept == [b"one\r\n.\r\ntwo\r\nthree\r\n"]


def test_our_own_4yz_is_not_the_clients_error() -> None:
    core = site().core
    for _ in range(3):
        core.receive(b"EHLO a.example\r\n")
        core.next_event()
        core.reply(say.INTERNAL_ERROR)
    assert core.errors == 0


def test_a_login_makes_a_stranger_known_and_lets_him_send_more() -> None:
    made = make_site(limits=LIMITS)
    offer = Offer("mx.example", 300, 3, 2, False, ("PLAIN",), may_auth_in_clear=True, messages_of_strangers=1)
    made.core = ServerConnection(LIMITS, Offers.of(offer))
    made.core.greet(say.GREETING)
    made.core.is_stranger = True
    made.feed(b"EHLO a.example\r\n")
    assert b"MAILMAX=1" in made.said
    made.feed(b"AUTH PLAIN AGFubgBzZWNyZXQ=\r\n")
    made.feed(b"EHLO a.example\r\n")
    assert b"MAILMAX=2" in made.said
    for _ in range(2):
        made.feed(b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n")
        made.feed(b".\r\n")
    assert not made.core.is_over
    made.feed(b"MAIL FROM:<>\r\n")
    assert made.core.farewell is say.ENOUGH_MESSAGES


def test_a21_recipients_far_beyond_the_limit_are_taken_for_a_flood() -> None:
    made = make_site()
    made.feed(b"EHLO a.example\r\n")
    made.feed(b"MAIL FROM:<>\r\n" + b"RCPT TO:<a@b.example>\r\n" * 1003)
    assert made.said.count(b"452 4.5.3") == 1000
    assert made.core.errors == 0
    made.feed(b"RCPT TO:<a@b.example>\r\n" * 9)
    assert not made.core.is_over
    made.feed(b"RCPT TO:<a@b.example>\r\n" * 2)
    assert made.said.count(b"452 4.5.3") == 1010
    assert made.core.farewell is say.TOO_MANY_ERRORS
