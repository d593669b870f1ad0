"""Floor 2 · net — the two kinds of TLS context: one place for every switch, the same on every Python.

TLS 1.2 or newer, no renegotiation, no compression, no early data (RFC 8996, RFC 9325). Python 3.13 changed
its default verification flags, so they are set here. A server picks the certificate by the name a client asks for,
in Python and by dict (see `hello.py`): a hostile name finds nothing and gets the first certificate (A76).
"""

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from mailrail.model import SECOND_US, SettingsError
from mailrail.net.binding import end_point_binding
from mailrail.net.certificates import check_key_file, names_of, read_certificate
from mailrail.net.settings import CertificateFiles, TlsSettings

_OPTIONS: Final = ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_STRONG: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"  # RFC 9325 §4.2
# Where nobody is verified the alternative is plain text, and any encryption is better (RFC 7435 §3).
_OPPORTUNISTIC: Final = "DEFAULT@SECLEVEL=1"


@dataclass(frozen=True, slots=True)
class ClientCertificates:
    """What is asked of clients: a certificate of their own.

    Attributes:
        ca_file: PEM file of the authorities that may vouch for them.
        is_required: a client without one is refused; else it may come without. One that shows a
            certificate which does not verify is refused either way: Python cannot look the other way.
    """

    ca_file: Path
    is_required: bool = True


class ServerContexts:
    """The contexts of one server: one for each certificate, found by name.

    Immutable: to reload, make a new one and use that for new connections.

    Attributes:
        default: for clients that ask for no name, or for one we do not have.
        expires_us: when the first of the certificates ends, 0 if unknown.
        can_bind: a login can be bound to whichever certificate is shown (RFC 5929 §4).
    """

    def __init__(
        self,
        default: ssl.SSLContext,
        by_name: Mapping[str, ssl.SSLContext] | None = None,
        *,
        expires_us: int = 0,
        asking: "Mapping[ClientCertificates, ServerContexts] | None" = None,
        shown: Mapping[ssl.SSLContext, bytes] | None = None,
    ) -> None:
        self.default = default
        self.expires_us = expires_us
        self._by_name = dict(by_name or {})
        self._asking = dict(asking or {})
        self._shown = dict(shown or {})
        every = (default, *self._by_name.values())
        self.can_bind = all(end_point_binding(self._shown.get(context)) for context in every)

    def asking(self, clients: ClientCertificates | None) -> "ServerContexts":
        """Return the contexts that ask clients for certificates so; None is those that do not ask.

        Raises:
            LookupError: `server_context` was not told of it.
        """
        return self if clients is None else self._asking[clients]

    def for_name(self, server_name: str | None) -> ssl.SSLContext:
        """Return the context whose certificate fits *server_name* (lower case), also by wildcard; else the default."""
        if server_name is None or not self._by_name:
            return self.default
        wildcard = "*." + server_name.partition(".")[2]  # RFC 9525 §6.3: only a whole first label
        return self._by_name.get(server_name) or self._by_name.get(wildcard) or self.default

    def certificate_of(self, context: ssl.SSLContext) -> bytes | None:
        """Return the DER of what *context* shows; None if it has two certificates and OpenSSL picks."""
        return self._shown.get(context)


def server_context(settings: TlsSettings, ask: Iterable[ClientCertificates] = ()) -> ServerContexts:
    """Make a server's contexts from its settings, reading every file now.

    Two certificates for the same names (one RSA, one ECDSA) share a context; OpenSSL picks by what the client can.

    Args:
        settings: the certificates, and what is spoken.
        ask: the ways to ask clients for theirs that `ServerContexts.asking` shall know. Each has contexts of its
            own, so that no session made without a certificate can be resumed where one is asked for.

    Raises:
        SettingsError: no certificate is named, or a file is missing, unreadable, readable by everybody,
            encrypted, or key and certificate do not belong together; the message names it.
    """
    if not settings.certificate:
        raise SettingsError("tls.certificate: at least one certificate is needed")
    asking = {clients: _contexts(settings, clients) for clients in ask}
    return _contexts(settings, None, asking)


def _contexts(
    settings: TlsSettings,
    clients: ClientCertificates | None,
    asking: Mapping[ClientCertificates, ServerContexts] | None = None,
) -> ServerContexts:
    by_names: dict[frozenset[str], ssl.SSLContext] = {}
    expires_us = []
    shown: dict[ssl.SSLContext, bytes | None] = {}
    for files in settings.certificate:
        check_key_file(files.key)
        certificate = read_certificate(files.chain)
        expires_us.append(int(certificate.not_valid_after_utc.timestamp()) * SECOND_US)
        names = names_of(certificate)
        context = by_names.setdefault(names, _empty_server_context(settings, clients))
        _load(context, files)
        shown[context] = None if context in shown else certificate.public_bytes(Encoding.DER)
    contexts = list(by_names.values())
    # The first certificate for a name wins, as the first route does.
    by_name = {name: context for names, context in reversed(by_names.items()) for name in names}
    return ServerContexts(
        contexts[0],
        by_name,
        expires_us=min(expires_us),
        asking=asking,
        shown={context: der for context, der in shown.items() if der is not None},
    )


def client_context(
    *,
    verify: bool,
    ca_file: Path | None = None,
    client_certificate: CertificateFiles | None = None,
) -> ssl.SSLContext:
    """Make a client's context; costs milliseconds, so make one and keep it.

    Args:
        verify: check the certificate chain and the name. False is for opportunistic TLS (RFC 7435), which then
            also takes what RFC 9325 advises against: the alternative is plain text.
        ca_file: PEM file of the authorities to trust instead of the system's.
        client_certificate: what to show to a server that asks who we are.

    Raises:
        SettingsError: a file is missing or cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context, ssl.TLSVersion.TLSv1_2, _STRONG if verify else _OPPORTUNISTIC)
    context.hostname_checks_common_name = False  # RFC 9525 §2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _trust(context, ca_file)
    if client_certificate is not None:
        check_key_file(client_certificate.key)
        _load(context, client_certificate)
    return context


def _empty_server_context(settings: TlsSettings, clients: ClientCertificates | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context, _VERSIONS[settings.minimum_version], settings.ciphers)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED if clients.is_required else ssl.CERT_OPTIONAL
        _trust(context, clients.ca_file)
    context.num_tickets = 1  # one is enough for mail; each costs an encryption and 200 bytes
    context.set_alpn_protocols(["smtp"])
    return context


def _harden(context: ssl.SSLContext, minimum: ssl.TLSVersion, ciphers: str) -> None:
    context.minimum_version = minimum
    context.options |= _OPTIONS
    context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError as error:
        raise SettingsError(f"tls.ciphers: OpenSSL knows no suite by {ciphers!r}") from error


def _load(context: ssl.SSLContext, files: CertificateFiles) -> None:
    def no_passphrase() -> str:
        raise SettingsError(
            f"TLS key {files.key} is encrypted; mend it: openssl pkey -in {files.key} -out NEW"
        )

    try:
        context.load_cert_chain(files.chain, files.key, password=no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(
                f"TLS key {files.key} does not belong to certificate {files.chain}"
            ) from error
        reason = (error.reason or "not a PEM file").lower().replace("_", " ")
        raise SettingsError(f"TLS certificate {files.chain} with key {files.key}: {reason}") from error
    except OSError as error:
        raise SettingsError(f"TLS key {files.key}: {error.strerror}") from error


def _trust(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError as error:
        raise SettingsError(f"authorities file {ca_file}: no PEM certificate in this file") from error
    except OSError as error:
        raise SettingsError(f"authorities file {ca_file}: {error.strerror}") from error
