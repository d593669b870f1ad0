"""The exchanges printed in the RFCs, by our client and by our server."""

from base64 import b64decode

import pytest

from mailrail.model import Login
from mailrail.sasl import (
    Challenge,
    CheckPassword,
    CheckToken,
    ClientFacts,
    Failure,
    FindKeys,
    KeyRecord,
    ServerFacts,
    Success,
    choose,
    derive_keys,
    server_exchange,
)

SCRAM = {
    # RFC 5802 §5
    "SCRAM-SHA-1": (
        ("fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92"),
        "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    # RFC 7677 §3
    "SCRAM-SHA-256": (
        ("rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ=="),
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        (
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        ),
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}


@pytest.mark.parametrize("name", SCRAM)
def test_the_client_says_what_the_rfc_prints(name: str) -> None:
    (nonce, _, _), first, challenge, final, verifier = SCRAM[name]
    facts = ClientFacts(host="", port=0, binding=None, nonce=nonce)
    client = choose((name,), Login("user", "pencil"), facts)
    assert client is not None
    assert client.start() == first.encode()
    assert client.step(challenge.encode()) == final.encode()
    assert not client.is_complete
    assert client.step(verifier.encode()) == b""
    assert client.is_complete


@pytest.mark.parametrize("name", SCRAM)
def test_the_server_says_what_the_rfc_prints(name: str) -> None:
    (_, nonce, salt), first, challenge, final, verifier = SCRAM[name]
    digest = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}[name]
    keys = derive_keys("pencil", b64decode(salt), 4096, digest)
    server = server_exchange(name, ServerFacts(offered=(name,), binding=None, nonce=nonce, secret=b""))
    assert server is not None
    assert server.step(first.encode()) == FindKeys("user", digest)
    assert server.tell(KeyRecord("user", keys)) == Challenge(challenge.encode())
    assert server.step(final.encode()) == Success("user", verifier.encode())


FACTS = ServerFacts(offered=(), binding=None, nonce="", secret=b"")


def test_the_examples_of_plain_are_understood() -> None:
    """RFC 4616 §4; what the second asks for, to act as Ursel, is refused there too."""
    server = server_exchange("PLAIN", FACTS)
    assert server is not None
    assert server.step(b"\0tim\0tanstaaftanstaaf") == CheckPassword("tim", "tanstaaftanstaaf")
    assert server.tell("tim") == Success("tim")
    server = server_exchange("PLAIN", FACTS)
    assert server is not None
    assert server.step(None) == Challenge(b"")
    assert server.step(b"Ursel\0Kurt\0xipj3plmq") == CheckPassword("Kurt", "xipj3plmq")
    assert isinstance(server.tell("Kurt"), Failure)


TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
OAUTH = f"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer {TOKEN}\x01\x01"


def test_the_example_of_oauthbearer_is_said_and_understood() -> None:
    """RFC 7628 §4.1 and, for the failure, §4.3."""
    facts = ClientFacts(host="server.example.com", port=143, binding=None, nonce="")
    client = choose(("OAUTHBEARER",), Login("user@example.com", token=TOKEN), facts)
    assert client is not None
    assert client.start() == OAUTH.encode()
    server = server_exchange("OAUTHBEARER", FACTS)
    assert server is not None
    assert server.step(OAUTH.encode()) == CheckToken("user@example.com", TOKEN)
    refusal = server.tell(None)
    assert isinstance(refusal, Failure)
    assert refusal.data == b'{"status": "invalid_token"}'
    assert client.step(refusal.data) == b"\x01"


def test_the_example_of_xoauth2_is_said_and_understood() -> None:
    """Google's page on XOAUTH2, "Initial client response"."""
    message = f"user=someuser@example.com\x01auth=Bearer {TOKEN}\x01\x01".encode()
    facts = ClientFacts(host="h", port=1, binding=None, nonce="")
    client = choose(("XOAUTH2",), Login("someuser@example.com", token=TOKEN), facts)
    assert client is not None
    assert client.start() == message
    server = server_exchange("XOAUTH2", FACTS)
    assert server is not None
    assert server.step(message) == CheckToken("someuser@example.com", TOKEN)
    refusal = server.tell(None)
    assert isinstance(refusal, Failure)
    assert client.step(refusal.data) == b""
