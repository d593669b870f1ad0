"""What stands in a command line, and that no secret of one is kept."""

import pytest

from mailrail.model import Address, Reply
from mailrail.smtp import commands
from mailrail.smtp.commands import command_words, read_mail, read_rcpt


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
    assert command_words(line) == words, "also the second time"


@pytest.mark.parametrize("verb", [b"AUTH PLAIN", b"auth plain", b"Auth Plain"])
def test_a_line_with_a_secret_is_not_kept(verb: bytes) -> None:
    before = commands._known_words.cache_info()
    command_words(verb + b" AGFubgBzZWNyZXQ=\r\n")
    assert commands._known_words.cache_info() == before


def test_what_is_offered_decides_anew_though_the_words_are_known() -> None:
    mail = read_mail("FROM:<a@b.example> SIZE=5", frozenset({"SIZE"}))
    assert not isinstance(mail, Reply)
    assert mail.reverse_path == Address("a", "b.example")
    assert mail.parameters.size_bytes == 5
    assert isinstance(read_mail("FROM:<a@b.example> SIZE=5", frozenset()), Reply)
    assert isinstance(read_rcpt("TO:<ä@b.example>", frozenset(), False), Reply)
    assert not isinstance(read_rcpt("TO:<ä@b.example>", frozenset(), True), Reply)
