"""Whatever the other side says in a login:

- as client: it is answered, or a RemoteProtocolError ends the exchange; nothing else is raised, and it ends;
  SCRAM never lets the password out, and takes no success for proven from who does not know the keys;
- as server: each message is a step; nothing is raised, and it ends; nobody is let in whom the store did not
  confirm, and by SCRAM nobody at all, for the keys here have no password.

Input: which side, the mechanism, an answer of the store, then messages, each a length and its octets.
"""

from collections.abc import Iterator

import pytest
from tests.fuzz.tape import Tape

from mailrail.model import Login, RemoteProtocolError
from mailrail.sasl import (
    SERVER_MECHANISMS,
    Challenge,
    ClientFacts,
    ClientMechanism,
    Failure,
    FindKeys,
    KeyRecord,
    Question,
    ServerExchange,
    ServerFacts,
    Step,
    Success,
    choose,
    fake_keys,
    server_exchange,
)

_MOST_MESSAGES = 4
_NONCE = "fyko+d2lbbFgONRv9qkxdawL"
_CLIENT = ClientFacts(host="mx.example", port=587, binding=b"hash", nonce=_NONCE)
_SERVER = ServerFacts(offered=SERVER_MECHANISMS, binding=b"hash", nonce=_NONCE, secret=b"salt of the house")


def check(data: bytes) -> None:
    tape = Tape(data)
    is_client, name = tape.flag(), SERVER_MECHANISMS[tape.number(len(SERVER_MECHANISMS))]
    if is_client:
        _check_client(name, tape)
    else:
        _check_server(name, tape)


def _check_client(name: str, tape: Tape) -> None:
    token = "secret" if name in ("OAUTHBEARER", "XOAUTH2") else ""
    login = Login("ann", "" if token else "secret", token=token, mechanisms=(name,))
    mechanism = choose([name], login, _CLIENT)
    assert mechanism is not None
    answers = [mechanism.start() or b""]
    with pytest.raises(RemoteProtocolError):
        _answer(mechanism, tape, answers)
    if name.startswith("SCRAM"):
        assert not any(b"secret" in answer for answer in answers)
        assert not mechanism.is_complete


def _answer(mechanism: ClientMechanism, tape: Tape, answers: list[bytes]) -> None:
    while len(answers) <= _MOST_MESSAGES:
        answers.append(mechanism.step(tape.take(tape.number(256))))


def _check_server(name: str, tape: Tape) -> None:
    exchange = server_exchange(name, _SERVER)
    assert exchange is not None
    has_initial, is_known = tape.flag(), tape.flag()
    step = exchange.step(tape.take(tape.number(256)) if has_initial else None)
    for _ in range(2 * _MOST_MESSAGES):
        if isinstance(step, Success | Failure):
            break
        step = _next(exchange, step, tape, is_known=is_known)
    assert isinstance(step, Success | Failure), step
    assert is_known or isinstance(step, Failure)
    assert isinstance(step, Failure) or (step.user == "ann" and not name.startswith("SCRAM"))


def _next(exchange: ServerExchange, step: Challenge | Question, tape: Tape, *, is_known: bool) -> Step:
    match step:
        case Challenge(data=data):
            assert data.isascii()
            return exchange.step(tape.take(tape.number(256)))
        case FindKeys(user=user, digest=digest):
            keys = fake_keys(b"another", user, digest)
            return exchange.tell(KeyRecord("ann", keys) if is_known else None)
        case _:
            assert "\0" not in step.user
            return exchange.tell("ann" if is_known else None)


def _messages(*messages: bytes) -> bytes:
    return b"".join(bytes([len(message)]) + message for message in messages)


def seeds() -> Iterator[bytes]:
    challenge = f"r={_NONCE}3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096".encode()
    first, last = f"n=ann,r={_NONCE}".encode(), f"r={_NONCE}{_NONCE},p=AAAA".encode()
    for number, name in enumerate(SERVER_MECHANISMS):
        yield b"\1" + bytes([number]) + _messages(challenge, b"v=AAAA")
        yield b"\1" + bytes([number]) + _messages(b"", b"e=other-error", b"{}")
        flag = b"p=tls-server-end-point,," if name.endswith("PLUS") else b"n,,"
        yield b"\0" + bytes([number]) + b"\1\1" + _messages(flag + first, b"c=biws," + last)
    for number, message in (
        (4, b"\0ann\0secret"),
        (5, b"ann"),
        (6, b"n,a=ann,\1host=mx.example\1auth=Bearer abc\1\1"),
        (7, b"user=ann\1auth=Bearer abc\1\1"),
        (8, b"ann"),
    ):
        yield b"\0" + bytes([number]) + b"\1\1" + _messages(message, b"secret")
        yield b"\0" + bytes([number]) + b"\0\0" + _messages(message, b"secret")
