"""Whatever challenges a server sends:

- they are answered, or a RemoteProtocolError ends the exchange; nothing else is raised;
- the exchange ends: no mechanism goes on for ever;
- the password leaves in the message that is for it, and in no other.

Input: the mechanism, then challenges, each a length and its octets.
"""

from collections.abc import Iterator

import pytest
from tests.fuzz.tape import Tape

from mailrail.model import RemoteProtocolError
from mailrail.sasl import ClientMechanism, choose

_MECHANISMS = ("PLAIN", "LOGIN")
_MOST_ANSWERS = 3


def check(data: bytes) -> None:
    tape = Tape(data)
    mechanism = choose([_MECHANISMS[tape.number(len(_MECHANISMS))]], "ann", "secret")
    assert mechanism is not None
    answers = [mechanism.start() or b""]
    with pytest.raises(RemoteProtocolError):
        _exchange(mechanism, tape, answers)
    assert {answer for answer in answers if b"secret" in answer} <= {b"\0ann\0secret", b"secret"}


def _exchange(mechanism: ClientMechanism, tape: Tape, answers: list[bytes]) -> None:
    while len(answers) <= _MOST_ANSWERS:
        answers.append(mechanism.step(tape.take(tape.number(256))))


def seeds() -> Iterator[bytes]:
    yield b"\0\0\0"
    yield b"\1\x09User Name\0\x09Password\0"
    yield b"\1\0\0\0"
