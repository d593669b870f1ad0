"""What stands in a command line, and that no secret of one is kept."""

import base64

import pytest
from tests.unit.smtp.server_harness import SmallLimits

from mailrail.model import Address, Reply
from mailrail.model import reply as say
from mailrail.smtp import Auth, Offer, Offers, ServerConnection, server
from mailrail.smtp.commands import KEPT, command_words, read_mail, read_rcpt

OFFER = Offer("mx.example", 1000, 10, 10, auth_mechanisms=("PLAIN",))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"mail FROM:<a@b.example>  \r\n", ("MAIL", "FROM:<a@b.example>")),
        (b"DATA\r\n", ("DATA", "")),
        (b"\r\n", ("", "")),
        ("quıt\r\n".encode(), ("quıt", "")),
        (b"RCPT \x00\r\n", "Control characters in a command"),
        (b"RCPT \xff\r\n", "Not UTF-8"),
    ],
)
def test_a_line_is_a_verb_and_arguments_or_none(line: bytes, words: tuple[str, str] | str) -> None:
    assert command_words(line) == words


@pytest.mark.parametrize("verb", [b"AUTH PLAIN", b"auth plain", b"Auth Plain"])
def test_a_line_with_a_secret_is_not_kept(verb: bytes) -> None:
    secret = b"\0ann\0secret"
    core = ServerConnection(SmallLimits(), Offers.of(OFFER), is_tls=True)
    core.greet(say.GREETING)
    core.receive(b"EHLO c.example\r\n")
    core.next_event()
    core.reply(say.HELLO)
    core.receive(verb + b" " + base64.b64encode(secret) + b"\r\n")
    assert core.next_event() == Auth("PLAIN", secret)
    assert not [line for line in server._KNOWN if line.upper().startswith(b"AUTH")]


def test_secrets_behind_a_refused_login_are_not_kept() -> None:
    core = ServerConnection(SmallLimits(), Offers.of(OFFER))  # without TLS: no AUTH
    core.greet(say.GREETING)
    secrets = (b"dXNlcg==\r\n", b"MTIzNDU=\r\n", b"RHJlYW0=\r\n")
    for line in (b"EHLO c.example\r\n", b"AUTH LOGIN\r\n", *secrets):
        core.receive(line)
        if core.next_event() is not None:
            core.reply(say.HELLO)
    assert not server._KNOWN.keys() & set(secrets)


def test_the_lines_that_are_kept_are_few_and_short() -> None:
    for number in range(3 * KEPT):
        core = ServerConnection(SmallLimits(), Offers.of(OFFER))
        core.greet(say.GREETING)
        core.receive(b"MAIL FROM:<%d@a.example>\r\nMAIL FROM:<%s@a.example>\r\n" % (number, b"x" * 600))
        assert core.next_event() is None
        assert len(server._KNOWN) <= KEPT
    assert max(map(len, server._KNOWN)) <= 512


def test_what_is_offered_decides_anew_though_the_words_are_known() -> None:
    mail = read_mail("FROM:<a@b.example> SIZE=5", frozenset({"SIZE"}))
    assert not isinstance(mail, Reply)
    assert mail.reverse_path == Address("a", "b.example")
    assert mail.parameters.size_bytes == 5
    assert isinstance(read_mail("FROM:<a@b.example> SIZE=5", frozenset()), Reply)
    assert isinstance(read_rcpt("TO:<ä@b.example>", frozenset(), False), Reply)
    assert not isinstance(read_rcpt("TO:<ä@b.example>", frozenset(), True), Reply)
