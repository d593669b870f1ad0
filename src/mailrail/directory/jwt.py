"""Floor 3 · directory — signed access tokens: JSON Web Tokens (RFC 7519) and the sets of keys that they are checked with (RFC 7517). Pure.

A key says what may be asked of it, never the token alone: `none` and HMAC, by which anybody could sign with a key that is public, are in no
branch of `is_signed_by` (RFC 8725 §3.1). We check and never sign, so this is less than a library for both would bring.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_LEAST_RSA_BITS: Final = 2048  # RFC 7518 §3.3
_MOST_RSA_BITS: Final = 8192  # a check of more takes the processor
_COORDINATE: Final = 32  # octets, on P-256 (RFC 7518 §3.4, §6.2.1.2)


class TokenError(ValueError):
    """No token, or no set of keys."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that tokens are checked with.

    Attributes:
        kid: its name, "" if it has none.
        algorithm: the one that it is for, "" for all of its kind.
        public: the key.
    """

    kid: str
    algorithm: str
    public: PublicKey


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token as it was read; nothing of it is believed yet.

    Attributes:
        algorithm: how it says that it was signed.
        kid: with which key, "" if it does not say.
        claims: what it says of its bearer.
        signed: the octets that the signature is for.
        signature: itself.
    """

    algorithm: str
    kid: str
    claims: Mapping[str, object]
    signed: bytes
    signature: bytes


def read_token(text: str) -> SignedToken:
    """Read a token in its compact form.

    Raises:
        TokenError: it is none.

    *Source:* RFC 7515 §3.1, §5.2.
    """
    head, dot, rest = text.partition(".")
    payload, second_dot, signature = rest.partition(".")
    if not dot or not second_dot:
        raise TokenError("is no signed token: it has not three parts")
    header = read_object(_octets(head))
    if "crit" in header:
        raise TokenError("has an extension that must be understood (RFC 7515 §4.1.11)")
    return SignedToken(
        algorithm=_text(header, "alg"),
        kid=_text(header, "kid"),
        claims=read_object(_octets(payload)),
        signed=f"{head}.{payload}".encode(),
        signature=_octets(signature),
    )


def is_signed_by(token: SignedToken, key: SigningKey) -> bool:
    """Tell whether *token* was signed with *key*, by the algorithm that both name.

    *Source:* RFC 7518 §3.3, §3.4, §3.5; RFC 8037 §3.1.
    """
    if key.algorithm not in ("", token.algorithm):
        return False
    signature = token.signature
    try:
        match token.algorithm, key.public:
            case "RS256", RSAPublicKey() as rsa:
                rsa.verify(signature, token.signed, PKCS1v15(), SHA256())
            case "PS256", RSAPublicKey() as rsa:
                salt_octets = SHA256.digest_size
                rsa.verify(signature, token.signed, PSS(MGF1(SHA256()), salt_octets), SHA256())
            case "ES256", EllipticCurvePublicKey() as curve if len(signature) == 2 * _COORDINATE:
                r, s = (int.from_bytes(part) for part in (signature[:_COORDINATE], signature[_COORDINATE:]))
                curve.verify(encode_dss_signature(r, s), token.signed, ECDSA(SHA256()))
            case "EdDSA", Ed25519PublicKey() as edwards:
                edwards.verify(signature, token.signed)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def read_keys(data: bytes) -> tuple[SigningKey, ...]:
    """Read a set of keys; those that are not for us are left out (RFC 7517 §5).

    Raises:
        TokenError: it is no set.
    """
    keys = read_object(data).get("keys")
    if not isinstance(keys, list):
        raise TokenError("is no set of keys (RFC 7517 §5)")
    return tuple(key for jwk in keys if isinstance(jwk, dict) and (key := _read_key(jwk)) is not None)


def _read_key(jwk: Mapping[str, Any]) -> SigningKey | None:
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        public = _read_public(jwk)
        return None if public is None else SigningKey(_text(jwk, "kid"), _text(jwk, "alg"), public)
    except ValueError:
        return None  # not on its curve, or written otherwise than it should be


def _read_public(jwk: Mapping[str, Any]) -> PublicKey | None:
    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            numbers = RSAPublicNumbers(e=_number(jwk, "e"), n=_number(jwk, "n"))
            is_fit = _LEAST_RSA_BITS <= numbers.n.bit_length() <= _MOST_RSA_BITS
            return numbers.public_key() if is_fit else None
        case "EC", "P-256":
            return EllipticCurvePublicNumbers(_number(jwk, "x"), _number(jwk, "y"), SECP256R1()).public_key()
        case "OKP", "Ed25519":
            return Ed25519PublicKey.from_public_bytes(_octets(_text(jwk, "x")))
        case _:
            return None


def read_object(data: bytes) -> Mapping[str, object]:
    """Read an object of JSON.

    Raises:
        TokenError: it is none.
    """
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        raise TokenError("is no JSON") from None
    if not isinstance(value, dict):
        raise TokenError("is no object of JSON")
    return value


def _text(values: Mapping[str, object], key: str) -> str:
    value = values.get(key, "")
    if not isinstance(value, str):
        raise TokenError(f"has a {key} that is no text")
    return value


def _number(jwk: Mapping[str, Any], key: str) -> int:
    return int.from_bytes(_octets(_text(jwk, key)))


def _octets(text: str) -> bytes:
    """Decode base64url without padding, and nothing looser (RFC 7515 §2)."""
    if _BASE64URL.fullmatch(text) is None or len(text) % 4 == 1:
        raise TokenError("has a part that is no base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
