"""An issuer of OAuth 2.0 tokens: keys, the tokens signed with them, and a web server that vouches for both; shares no code with mailrail."""

import contextlib
import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
NAME, AUDIENCE = "https://issuer.example", "mail"
CLIENT_ID, SECRET = "mail server", "hush: hush"
AUTHORIZATION = "Basic bWFpbCtzZXJ2ZXI6aHVzaCUzQStodXNo"  # both as in a form first (RFC 6749 §2.3.1)
FAR_S = 4_000_000_000  # 2096


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


def new_key(algorithm: str, bits: int = 2048) -> Private:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(65537, bits)


def jwk(private: Private, **more: object) -> dict[str, object]:
    """Return the public half as RFC 7517 writes it."""
    match private:
        case rsa.RSAPrivateKey():
            public = private.public_key().public_numbers()
            return {"kty": "RSA", "n": number(public.n), "e": number(public.e), **more}
        case ec.EllipticCurvePrivateKey():
            point = private.public_key().public_numbers()
            x, y = (b64(value.to_bytes(32)) for value in (point.x, point.y))
            return {"kty": "EC", "crv": "P-256", "x": x, "y": y, **more}
        case _:
            raw = private.public_key().public_bytes_raw()
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **more}


def signature(private: Private, algorithm: str, signed: bytes) -> bytes:
    match private:
        case rsa.RSAPrivateKey() if algorithm == "PS256":
            return private.sign(signed, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
        case rsa.RSAPrivateKey():
            return private.sign(signed, padding.PKCS1v15(), SHA256())
        case ec.EllipticCurvePrivateKey():
            r, s = utils.decode_dss_signature(private.sign(signed, ec.ECDSA(SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        case _:
            return private.sign(signed)


def write(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    return ".".join(b64(json.dumps(part).encode()) for part in (header, claims))


def sign(private: Private, algorithm: str, claims: Mapping[str, object], **header: object) -> str:
    signed = write({"alg": algorithm, **header}, claims)
    return f"{signed}.{b64(signature(private, algorithm, signed.encode()))}"


def claims_of(user: str, **more: object) -> dict[str, object]:
    return {"iss": NAME, "aud": AUDIENCE, "exp": FAR_S, "email": user, **more}


class Issuer(ThreadingHTTPServer):
    """Serves `/keys` and `/introspect`.

    Attributes:
        key: what it signs with, by ES256.
        opaque: what it says of tokens that are asked about.
        override: what it answers instead: status, headers, body.
        asked: the paths that were asked for.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.key = new_key("ES256")
        self.opaque: dict[str, dict[str, object]] = {}
        self.override: tuple[int, dict[str, str], bytes] | None = None
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Page)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def token(self, user: str, **claims: object) -> str:
        return sign(self.key, "ES256", claims_of(user, **claims), kid="1")

    def opaque_token(self, user: str, **claims: object) -> str:
        token = f"opaque{len(self.opaque)}"
        self.opaque[token] = {"active": True, **claims_of(user, **claims)}
        return token


class _Page(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        assert self.path == "/keys"
        self._say({"keys": [jwk(self.server.key, kid="1", use="sig")]})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
        if self.headers["Authorization"] != AUTHORIZATION:
            self.server.override = (401, {}, b"")
        self._say(self.server.opaque.get(form["token"][0], {"active": False}))

    def _say(self, document: object) -> None:
        self.server.asked.append(self.path)
        status, headers, body = self.server.override or (200, {}, json.dumps(document).encode())
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002


@contextlib.contextmanager
def issuer() -> Iterator[Issuer]:
    """Run one for the time of a `with`."""
    with Issuer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
