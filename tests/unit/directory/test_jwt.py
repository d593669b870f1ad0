"""Signed tokens: the vectors of the RFCs, each algorithm, and what forgers try (RFC 8725)."""

import hmac
import json
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.support.issuer import b64, jwk, new_key, sign, signature, write

from mailrail.directory.jwt import SigningKey, TokenError, is_signed_by, read_keys, read_token

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
PRIVATE = {name: new_key(name) for name in ALGORITHMS}
RSA = PRIVATE["RS256"]

# RFC 7515 §A.3
EC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
EC_TOKEN = (
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
EVE = b64(b'{"iss":"eve"}')


def keys(*entries: object) -> tuple[SigningKey, ...]:
    return read_keys(json.dumps({"keys": entries}).encode())


def is_good(token: str, *entries: object) -> bool:
    return any(is_signed_by(read_token(token), key) for key in keys(*entries))


def test_the_example_of_rfc_7515_is_good_and_no_other_octet_is() -> None:
    assert is_good(EC_TOKEN, EC_KEY)
    assert read_token(EC_TOKEN).claims["iss"] == "joe"
    head, payload, tail = EC_TOKEN.split(".")
    assert not is_good(f"{head}.{payload}.{tail[:-2]}1A", EC_KEY)
    assert not is_good(f"{head}.{EVE}.{tail}", EC_KEY)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_is_checked_with_a_key_of_its_kind_only(algorithm: str) -> None:
    token = sign(PRIVATE[algorithm], algorithm, {"sub": "ann"})
    assert is_good(token, jwk(PRIVATE[algorithm]))
    assert is_good(token, jwk(PRIVATE[algorithm], alg=algorithm))
    assert not is_good(token, jwk(PRIVATE[algorithm], alg="RS512"))
    assert not is_good(token, jwk(new_key(algorithm)))
    others = [jwk(private) for name, private in PRIVATE.items() if name != algorithm]
    assert not is_good(token, *others)


def test_none_is_no_algorithm() -> None:
    for name in ("none", "None", "NONE", ""):
        unsigned = write({"alg": name}, {"sub": "ann"})
        assert not is_good(f"{unsigned}.AA", jwk(RSA))
        with pytest.raises(TokenError):
            read_token(f"{unsigned}.")


def test_a_public_key_is_no_secret_for_hmac() -> None:
    assert isinstance(RSA, rsa.RSAPrivateKey)
    signed = write({"alg": "HS256"}, {"sub": "ann"})
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = f"{signed}.{b64(hmac.digest(pem, signed.encode(), sha256))}"
    assert not is_good(forged, jwk(RSA), {"kty": "oct", "k": b64(pem), "alg": "HS256"})


def test_a_key_in_the_token_is_not_believed() -> None:
    mine = new_key("ES256")
    assert not is_good(sign(mine, "ES256", {"sub": "ann"}, jwk=jwk(mine), jku="http://evil.example/"), EC_KEY)


def test_an_es256_signature_is_two_numbers_and_not_der() -> None:
    signed = write({"alg": "ES256"}, {})
    whole = signature(PRIVATE["ES256"], "ES256", signed.encode())
    for bad in (whole[:-1], whole + b"\0", b"\0" * 64, b"0"):
        assert not is_good(f"{signed}.{b64(bad)}", jwk(PRIVATE["ES256"]))


@pytest.mark.parametrize(
    "entry",
    [
        jwk(new_key("RS256", bits=1024)),
        jwk(RSA, use="enc"),
        jwk(RSA, key_ops=["encrypt"]),
        jwk(RSA, key_ops="verify"),
        {**EC_KEY, "crv": "P-521"},
        {**EC_KEY, "x": EC_KEY["y"]},
        {**EC_KEY, "kid": 7},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "oct", "k": "AAAA"},
        {},
        "no key",
    ],
)
def test_a_key_that_is_not_for_us_is_left_out(entry: object) -> None:
    assert keys(entry) == ()
    assert len(keys(entry, EC_KEY)) == 1


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b"[" * 100_000, b'{"keys"' + b":1" * 9]
)
def test_what_is_no_set_of_keys_is_told(text: bytes) -> None:
    with pytest.raises(TokenError):
        read_keys(text)


HEAD = b64(b'{"alg":"ES256"}')
LIST = b64(b'{"alg":["ES256"]}')
CRITICAL = b64(b'{"alg":"ES256","crit":["exp"]}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opaque",
        f"{HEAD}.e30",
        f"{HEAD}.e30.AA.AA",
        f"{HEAD}.e30.AA==",
        f"{HEAD}.e30.A",
        f"{HEAD}.e3 0.AA",
        f"{HEAD}..AA",
        f"{HEAD}.{b64(b'[]')}.AA",
        f"{HEAD}.{b64(b'[' * 9000)}.AA",
        f"{LIST}.e30.AA",
        f"{CRITICAL}.e30.AA",
    ],
)
def test_what_is_no_token_is_told(text: str) -> None:
    with pytest.raises(TokenError):
        read_token(text)
