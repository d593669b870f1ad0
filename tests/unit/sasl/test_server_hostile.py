"""What clients should not send: every line ends as a Failure, none as an exception or a question (A34, A36)."""

import hmac
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sasl.talk import Store, client_of, server_of, talk

from mailrail.model import LocalProtocolError, Login
from mailrail.sasl import (
    SERVER_MECHANISMS,
    Challenge,
    CheckPassword,
    Failure,
    FindKeys,
    KeyRecord,
    ServerFacts,
    Success,
    derive_keys,
    server_exchange,
)
from mailrail.sasl.keys import client_key, salted_password

NONCE = "client+nonce+123"
HOSTILE: dict[str, list[bytes]] = {
    "PLAIN": [
        b"", b"\0", b"\0\0", b"\0\0secret", b"\0ann\0", b"ann\0secret", b"\0ann\0secret\0", b"\0ann\0sec\0ret",
        b"\0ann\0\xff", b"\0\xc0\x80\0secret", b"\0ann\0sec\ret", b"\0a\tnn\0secret", b"\0ann\0" + b"x" * 12_000,
        b"\0" + b"a" * 256 + b"\0secret", "\0\u05d3a\u05d3\0secret".encode(), "\0\u0378\0x".encode(),
    ],
    "LOGIN": [b"", b"\0", b"a\0b", b"\xff", b"a" * 256, b" ann", "\u202eann".encode()],
    "EXTERNAL": [b"\0", b"a\0b", b"\xff", b"a" * 256, b"a\nb"],
    "OAUTHBEARER": [
        b"", b"\x01", b"n,,", b"n,,\x01", b"n,,\x01\x01", b"n,,\x01auth=Bearer t\x01", b"n,,\x01auth=Bearer t",
        b"n,,auth=Bearer t\x01\x01", b"p=tls-unique,,\x01auth=Bearer t\x01\x01", b"x,,\x01auth=Bearer t\x01\x01",
        b"n,a=,\x01auth=Bearer t\x01\x01", b"n,a=b=c,\x01auth=Bearer t\x01\x01", b"n,,\x01auth=Basic dDp0\x01\x01",
        b"n,,\x01auth=Bearer \x01\x01", b"n,,\x01auth=Bearer a b\x01\x01", b"n,,\x01auth=Bearer t\0\x01\x01",
        b"n,,\x01auth=Bearer t\x01auth=Bearer u\x01\x01", b"n,,\x01auth=Bearer t\x01\x01more", b"n,,\x01\xff\x01\x01",
        b"n,,\x01host=x\x01\x01", b"n,,\x011=2\x01auth=Bearer t\x01\x01", b"n,a=a\x01b,\x01auth=Bearer t\x01\x01",
    ],
    "XOAUTH2": [
        b"", b"user=ann", b"user=\x01auth=Bearer t\x01\x01", b"auth=Bearer t\x01user=ann\x01\x01",
        b"user=ann\x01auth=Bearer t\x01", b"user=ann\x01auth=t\x01\x01", b"user=a\0b\x01auth=Bearer t\x01\x01",
        b"user=ann\x01user=bob\x01\x01",
    ],
    "SCRAM-SHA-256": [
        b"", b"n", b"n,", b"n,,", b"n,,n=ann", b"n,,r=" + b"x" * 20, b"n,,n=,r=" + b"x" * 20,
        b"n,,r=xxxxxxxxxxxxxxxxxxxx,n=ann", b"n,,n=ann,r=short", b"n,,n=ann,r=" + b"x" * 129,
        b"n,,n=ann,r=xxxxxxxx xxxxxxxxxxx", "n,,n=ann,r=xxxxxxxxxxxxxxxxxxx\u00e4".encode(),
        b"n,,n=a=b,r=xxxxxxxxxxxxxxxxxxxx", b"n,,n=a=2c,r=xxxxxxxxxxxxxxxxxxxx", b"n,,n=a\0,r=xxxxxxxxxxxxxxxxxxxx",
        b"n,,n=\x07,r=xxxxxxxxxxxxxxxxxxxx", b"n,,n=" + b"a" * 256 + b",r=xxxxxxxxxxxxxxxxxxxx",
        b"n,,m=x,n=ann,r=xxxxxxxxxxxxxxxxxxxx", b"n,,n=ann,r=xxxxxxxxxxxxxxxxxxxx,m=x",
        b"n,,n=ann,r=xxxxxxxxxxxxxxxxxxxx,", b"n,,n=ann,r=xxxxxxxxxxxxxxxxxxxx,n=bob", b"n,,n=ann,r=xxxxxxxxxxxxxxxxxxxx,1=2",
        b"q,,n=ann,r=xxxxxxxxxxxxxxxxxxxx", b"N,,n=ann,r=xxxxxxxxxxxxxxxxxxxx", b"p=tls-server-end-point,,n=ann,r=xxxxxxxxxxxxxxxxxxxx",
        b"n,x=y,n=ann,r=xxxxxxxxxxxxxxxxxxxx", b"n,a=,n=ann,r=xxxxxxxxxxxxxxxxxxxx", b"n,,n=\xff,r=xxxxxxxxxxxxxxxxxxxx",
    ],
    "SCRAM-SHA-256-PLUS": [
        b"n,,n=ann,r=xxxxxxxxxxxxxxxxxxxx", b"y,,n=ann,r=xxxxxxxxxxxxxxxxxxxx",
        b"p=tls-unique,,n=ann,r=xxxxxxxxxxxxxxxxxxxx", b"p=,,n=ann,r=xxxxxxxxxxxxxxxxxxxx",
        b"p=TLS-SERVER-END-POINT,,n=ann,r=xxxxxxxxxxxxxxxxxxxx",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"), [(name, line) for name, lines in HOSTILE.items() for line in lines]
)
def test_a_message_out_of_the_grammar_is_a_failure(name: str, message: bytes) -> None:
    server = server_of(name, binding=b"hash")
    failure = server.step(message)
    assert isinstance(failure, Failure)
    assert bool(failure.data) is ("OAUTH" in name)
    assert "secret" not in repr(failure)
    with pytest.raises(LocalProtocolError):
        server.step(b"once more")


GOOD = f"c=biws,r={NONCE}server/nonce/456"
PROOF = "A" * 43 + "="


@pytest.mark.parametrize(
    "final",
    [
        f"{GOOD},p={PROOF}",
        f"{GOOD},p=AAAA",
        f"{GOOD},p=",
        f"{GOOD},p={PROOF[:-1]}",
        f"{GOOD},p={'A' * 42}B=",
        f"{GOOD},p={PROOF},x=y",
        f"{GOOD},p={PROOF},p={PROOF}",
        f"{GOOD},m=x,p={PROOF}",
        f"p={PROOF},{GOOD}",
        GOOD,
        f"r={NONCE}server/nonce/456,c=biws,p={PROOF}",
        f"c=biws,r={NONCE},p={PROOF}",
        f"c=biws,r={NONCE}server/nonce/45\u00e4,p={PROOF}",
        f"c=eSws,r={NONCE}server/nonce/456,p={PROOF}",
        f"n,,n=ann,r={NONCE}",
        "",
    ],
)
def test_a_final_message_that_proves_nothing_ends_the_exchange_and_tells_the_client_nothing(
    final: str,
) -> None:
    reasons = set()
    for store in (Store("ann", "secret"), Store("somebody else", "secret")):
        server = server_of("SCRAM-SHA-256")
        server.step(f"n,,n=ann,r={NONCE}".encode())
        server.tell(store.answer(FindKeys("ann", "sha256")))
        failure = server.step(final.encode())
        assert isinstance(failure, Failure)
        assert failure.data == b""
        reasons.add(failure.reason)
    assert len(reasons) == 1


def test_a_final_message_that_is_no_utf8_is_a_failure() -> None:
    server = server_of("SCRAM-SHA-256")
    server.step(f"n,,n=ann,r={NONCE}".encode())
    server.tell(None)
    assert server.step(b"\xff") == Failure("not UTF-8 (RFC 4422 §3.8)")


@pytest.mark.parametrize("name", SERVER_MECHANISMS)
@given(
    messages=st.lists(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), min_size=1, max_size=4)
)
def test_no_bytes_raise_anything_or_get_in(name: str, messages: list[bytes]) -> None:
    server = server_of(name, binding=b"hash")
    for message in messages:
        step = server.step(message)
        while not isinstance(step, Challenge | Failure | Success):
            step = server.tell(None)
        assert not isinstance(step, Success)
        if isinstance(step, Failure):
            return


@pytest.mark.parametrize("authzid", ["", "ann", "Ann"])
def test_whoever_asks_to_be_himself_may(authzid: str) -> None:
    server = server_of("PLAIN")
    assert server.step(f"{authzid}\0Ann\0secret".encode()) == CheckPassword("Ann", "secret")
    assert server.tell("ann") == Success("ann")


def test_whoever_asks_to_be_somebody_else_may_not() -> None:
    server = server_of("PLAIN")
    server.step(b"boss\0ann\0secret")
    assert isinstance(server.tell("ann"), Failure)


@pytest.mark.parametrize(("authzid", "is_let_in"), [("ann", True), ("boss", False)])
def test_scram_lets_nobody_act_for_others_even_with_a_good_proof(authzid: str, is_let_in: bool) -> None:
    keys = derive_keys("secret", b"salt", 4096)
    server = server_of("SCRAM-SHA-256")
    server.step(f"n,a={authzid},n=ann,r={NONCE}".encode())
    challenge = server.tell(KeyRecord("ann", keys))
    assert isinstance(challenge, Challenge)
    header = b64encode(f"n,a={authzid},".encode()).decode()
    signed = f"c={header},r={NONCE}server/nonce/456"
    key = client_key(salted_password("secret", b"salt", 4096, "sha256"), "sha256")
    message = f"n=ann,r={NONCE},{challenge.data.decode()},{signed}".encode()
    signature = hmac.digest(keys.stored_key, message, "sha256")
    proof = b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
    result = server.step(f"{signed},p={proof}".encode())
    assert isinstance(result, Success) is is_let_in
    assert is_let_in or (isinstance(result, Failure) and result.reason == "asks to act for somebody else")


@pytest.mark.parametrize("name", SERVER_MECHANISMS)
def test_order_is_kept(name: str) -> None:
    server = server_of(name, binding=b"hash")
    with pytest.raises(LocalProtocolError):
        server.tell("ann")
    server.step(None)
    with pytest.raises(LocalProtocolError):
        server.step(None)


@pytest.mark.parametrize("name", ["PLAIN", "SCRAM-SHA-256"])
def test_an_answer_to_another_question_is_a_mistake_of_ours(name: str) -> None:
    server = server_of(name)
    server.step(client_of(name, Login("ann", "secret")).start())
    record = KeyRecord("ann", derive_keys("secret", b"salt", 4096, "sha1"))
    with pytest.raises(LocalProtocolError):
        server.tell(record)
    if name != "PLAIN":
        with pytest.raises(LocalProtocolError):
            server.tell("ann")


def test_the_user_may_come_as_initial_response_of_login() -> None:
    server = server_of("LOGIN")
    assert server.step(b"ann") == Challenge(b"Password:")
    assert server.step(b"secret") == CheckPassword("ann", "secret")


def test_secrets_are_not_shown() -> None:
    assert "secret" not in repr(CheckPassword("ann", "secret"))


def test_a_mechanism_that_nobody_knows_does_not_exist() -> None:
    facts = ServerFacts(offered=(), binding=None, nonce="x" * 16, secret=b"")
    assert server_exchange("CRAM-MD5", facts) is None
    assert server_exchange("SCRAM-SHA-256-PLUS", facts) is None


def test_a_nonce_of_ours_that_is_too_short_is_a_mistake_of_ours() -> None:
    with pytest.raises(LocalProtocolError):
        server_exchange("SCRAM-SHA-256", ServerFacts(offered=(), binding=None, nonce="x", secret=b""))


def test_the_name_that_was_found_is_the_name_of_the_login() -> None:
    store = Store("ann", "secret")
    client = client_of("SCRAM-SHA-256", Login("Ann", "secret"))
    server = server_of("SCRAM-SHA-256")
    server.step(client.start())
    challenge = server.tell(store.answer(FindKeys("ann", "sha256")))
    assert isinstance(challenge, Challenge)
    result = server.step(client.step(challenge.data))
    assert isinstance(result, Success)
    assert result.user == "ann"
    assert isinstance(talk(client_of("PLAIN", Login("ann", "secret")), server_of("PLAIN"), store), Success)
