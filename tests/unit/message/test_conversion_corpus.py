"""The messages in tests/corpus/messages: X.eml becomes X.7bit.eml, and X.OBSTACLE.eml cannot be converted."""

from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path

import pytest

from mailrail.message import Obstacle, convert

CORPUS = Path(__file__).parents[2] / "corpus" / "messages"
CONVERTED = sorted(path.name.removesuffix(".7bit.eml") for path in CORPUS.glob("*.7bit.eml"))
REFUSED = sorted(path for path in CORPUS.glob("*.*.eml") if not path.name.endswith(".7bit.eml"))


def decoded(content: bytes) -> list[tuple[str, object]]:
    """Return type and decoded octets of every leaf."""
    message: Message = BytesParser(policy=compat32).parsebytes(content)
    return [
        (part.get_content_type(), part.get_payload(decode=True))
        for part in message.walk()
        if not part.is_multipart()
    ]


@pytest.mark.parametrize("name", CONVERTED)
def test_a30_a_message_becomes_what_lies_beside_it(name: str) -> None:
    content, wanted = (CORPUS / f"{name}.eml").read_bytes(), (CORPUS / f"{name}.7bit.eml").read_bytes()
    assert convert(content, may_8bit=False) == wanted
    assert wanted.isascii()
    assert decoded(wanted) == decoded(content)
    assert convert(wanted, may_8bit=False) == wanted
    assert convert(content, may_8bit=True) == content


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.name)
def test_a29_a30_a_message_that_cannot_be_converted_says_why(path: Path) -> None:
    assert convert(path.read_bytes(), may_8bit=False) is Obstacle[path.name.split(".")[1]]
