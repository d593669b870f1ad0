"""Floor 3 · acme — three ways to prove a name: a page, a handshake, a record.

What listens does so only while a proof is wanted, answers nothing but the question it is there for, and is bounded
in time, bytes and connections: it stands on a port that all the world knows.
"""

import asyncio
import ssl
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mailrail.acme.api import AcmeError, Challenge, Proof
from mailrail.acme.events import ProofNotHidden
from mailrail.acme.settings import AcmeSettings
from mailrail.model import Clock, NetError, utc
from mailrail.net import (
    Connection,
    Endpoint,
    Listener,
    Network,
    ServerContexts,
    TlsConnection,
    TlsInfo,
    write_private,
)
from mailrail.observe import Bus

_REQUEST_BYTES: Final = 4096  # ours; validation requests have a few hundred
_PATIENCE_S: Final = 10.0
_CONNECTIONS: Final = 50  # ours; authorities look from a handful of places
_WELL_KNOWN: Final = b"/.well-known/acme-challenge/"  # RFC 8555 §8.3
_ACME_TLS: Final = "acme-tls/1"  # RFC 8737 §3
_ACME_IDENTIFIER: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")  # RFC 8737 §3


def proof_for(settings: AcmeSettings, network: Network, directory: Path, clock: Clock, bus: Bus) -> Proof:
    """Return the proof that *settings* ask for."""
    match settings.challenge:
        case "http-01":
            return HttpProof(network, Endpoint.parse(settings.http_address))
        case "tls-alpn-01":
            return TlsAlpnProof(network, Endpoint.parse(settings.tls_address), directory, clock)
        case "dns-01":
            return DnsHook(settings.dns_hook, settings.dns_hook_s, settings.dns_wait_s, bus)


class HttpProof:
    """Answers GET for the token at port 80 (http-01, RFC 8555 §8.3).

    Attributes:
        endpoint: where it listens now, None while it does not.
    """

    def __init__(self, network: Network, endpoint: Endpoint) -> None:
        self.endpoint: Endpoint | None = None
        self._network = network
        self._where = endpoint
        self._listener: Listener | None = None
        self._visitors: set[_Visitor] = set()

    async def show(self, challenges: Sequence[Challenge]) -> None:
        """Listen, see `Proof.show`."""
        if not challenges:
            return
        pages = {one.token.encode(): one.key_authorization.encode() for one in challenges}

        def accept(connection: Connection) -> None:
            if len(self._visitors) >= _CONNECTIONS:
                connection.abort()
            else:
                self._visitors.add(_Visitor(connection, pages, self._visitors.discard))

        self._listener = _listen(self._network, self._where, accept)
        self.endpoint = self._listener.endpoint

    async def hide(self) -> None:
        """Listen no more, see `Proof.hide`."""
        if self._listener is not None:
            self._listener.close()
        self._listener = self.endpoint = None
        for visitor in tuple(self._visitors):
            visitor.leave()


class _Visitor:
    """One HTTP request, answered once."""

    def __init__(
        self, connection: Connection, pages: Mapping[bytes, bytes], gone: "Callable[[_Visitor], None]"
    ) -> None:
        self._connection = connection
        self._pages = pages
        self._gone = gone
        self._heard = b""
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE_S, self.leave)
        connection.attach(self)

    def received(self, data: bytes, /) -> None:
        self._heard += data
        if b"\r\n\r\n" in self._heard:
            self._connection.write(self._answer())
            self.leave()
        elif len(self._heard) > _REQUEST_BYTES:
            self.leave()

    def writable(self) -> None: ...

    def ended(self, error: NetError | None, /) -> None:
        self.leave()

    def leave(self) -> None:
        self._timer.cancel()
        self._connection.close()
        self._gone(self)

    def _answer(self) -> bytes:
        method, _, rest = self._heard.partition(b" ")
        path = rest.partition(b" ")[0]
        page = self._pages.get(path.removeprefix(_WELL_KNOWN)) if path.startswith(_WELL_KNOWN) else None
        if method != b"GET" or page is None:
            return _response(b"404 Not Found", b"")
        return _response(b"200 OK", page)


def _response(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return head % (status, len(body)) + body


class TlsAlpnProof:
    """Shows a certificate with the answer in it to whoever speaks acme-tls/1 at port 443 (tls-alpn-01, RFC 8737).

    Attributes:
        endpoint: where it listens now, None while it does not.
    """

    def __init__(self, network: Network, endpoint: Endpoint, directory: Path, clock: Clock) -> None:
        self.endpoint: Endpoint | None = None
        self._network = network
        self._where = endpoint
        self._directory = directory
        self._clock = clock
        self._listener: Listener | None = None
        self._handshakes: set[TlsConnection] = set()

    async def show(self, challenges: Sequence[Challenge]) -> None:
        """Listen, see `Proof.show`."""
        if not challenges:
            return
        made = await asyncio.get_running_loop().run_in_executor(None, self._contexts, tuple(challenges))
        contexts = ServerContexts(next(iter(made.values())), made)
        self._listener = _listen(self._network, self._where, lambda plain: self._shake_hands(plain, contexts))
        self.endpoint = self._listener.endpoint

    async def hide(self) -> None:
        """Listen no more, see `Proof.hide`."""
        if self._listener is not None:
            self._listener.close()
        self._listener = self.endpoint = None
        for handshake in tuple(self._handshakes):
            handshake.abort()
        self._handshakes.clear()

    def _shake_hands(self, plain: Connection, contexts: ServerContexts) -> None:
        if len(self._handshakes) >= _CONNECTIONS:
            plain.abort()
            return
        tls = TlsConnection.server(plain, contexts, alpn=(_ACME_TLS.encode(),))
        self._handshakes.add(tls)

        def secured(_: TlsInfo) -> None:  # RFC 8737 §3: the handshake is all
            self._handshakes.discard(tls)
            tls.close()

        tls.start(secured, lambda _: self._handshakes.discard(tls), timeout_s=_PATIENCE_S)

    def _contexts(self, challenges: tuple[Challenge, ...]) -> dict[str, ssl.SSLContext]:
        return {one.domain: self._context(one) for one in challenges}

    def _context(self, challenge: Challenge) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([_ACME_TLS])
        file = self._directory / "acme-proof.pem"  # OpenSSL reads from files only
        try:
            write_private(file, self._certificate(challenge))
            context.load_cert_chain(file)
            file.unlink()
        except OSError as error:  # an SSLError is one too
            raise AcmeError(
                f"no certificate for a proof can be made in {self._directory}: {error}"
            ) from error
        return context

    def _certificate(self, challenge: Challenge) -> bytes:
        """Make the certificate of RFC 8737 §3, and its key, PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACME challenge")])
        now = utc(self._clock.now_us())
        octets = b"\x04\x20" + challenge.digest  # DER: an OCTET STRING of 32
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(challenge.domain)]), critical=False)
            .add_extension(x509.UnrecognizedExtension(_ACME_IDENTIFIER, octets), critical=True)
            .sign(key, hashes.SHA256())
        )
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key_pem + certificate.public_bytes(Encoding.PEM)


class DnsHook:
    """Has a program write TXT records (dns-01, RFC 8555 §8.4); it gets its words one by one, never by a shell."""

    def __init__(self, program: Sequence[str], longest_s: float, wait_s: float, bus: Bus) -> None:
        self._program = tuple(program)
        self._longest_s = longest_s
        self._wait_s = wait_s
        self._bus = bus
        self._shown: list[Challenge] = []

    async def show(self, challenges: Sequence[Challenge]) -> None:
        """Have the records written and wait until they are seen, see `Proof.show`."""
        for challenge in challenges:
            self._shown.append(challenge)  # before: a hook that fails may have written it all the same
            await self._run("add", challenge)
        if challenges:
            await asyncio.sleep(self._wait_s)

    async def hide(self) -> None:
        """Have the records taken away, see `Proof.hide`."""
        while self._shown:
            try:
                await self._run("remove", self._shown.pop())
            except AcmeError as error:
                self._bus.emit(ProofNotHidden(reason=str(error)))

    async def _run(self, verb: str, challenge: Challenge) -> None:
        words = (*self._program, verb, challenge.dns_name, challenge.dns_value)
        await asyncio.get_running_loop().run_in_executor(None, self._call, words)

    def _call(self, words: tuple[str, ...]) -> None:
        try:
            done = subprocess.run(  # noqa: S603 -- the operator's own program, with words that cannot be options
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=self._longest_s,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AcmeError(f"acme.dns_hook {words[0]}: {error}") from error
        if done.returncode != 0:
            said = done.stderr[-500:].decode(errors="replace").strip()
            raise AcmeError(f"acme.dns_hook {words[0]} ended with {done.returncode}: {said}")


def _listen(network: Network, endpoint: Endpoint, accept: Callable[[Connection], None]) -> Listener:
    try:
        return network.listen(endpoint, accept)
    except NetError as error:
        raise AcmeError(f"the proof cannot listen at {endpoint}: {error}") from error
