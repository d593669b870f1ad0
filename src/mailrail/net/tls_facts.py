"""Floor 2 · net — what OpenSSL knows about a handshake, in our words."""

import ssl
import sys

from mailrail.model import NetError, NetTrouble
from mailrail.net.api import TlsInfo


def tls_info(tls: ssl.SSLObject, server_name: str | None, own_certificate: bytes | None) -> TlsInfo:
    """Tell what the finished handshake of *tls* agreed on."""
    cipher, certificate = tls.cipher(), tls.getpeercert(binary_form=True)
    # A server that only asks has still checked what it was shown: else the handshake would have failed.
    checked = tls.context.verify_mode != ssl.CERT_NONE
    named = tls.server_side or tls.context.check_hostname
    return TlsInfo(
        version=tls.version() or "",
        cipher=cipher[0] if cipher else "",
        verified=checked and named and certificate is not None,
        peer_certificate=certificate,
        # Python falls over its own list where a client that was asked has shown nothing.
        peer_chain=_peer_chain(tls) if certificate is not None else (),
        alpn=tls.selected_alpn_protocol(),
        server_name=server_name,
        resumed=bool(tls.session_reused),
        own_certificate=own_certificate,
    )


def tls_error(error: ssl.SSLError) -> NetError:
    """Map what OpenSSL says to our words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return NetError(NetTrouble.TLS, f"certificate refused: {error.verify_message}")
    reason = (error.reason or str(error)).lower().replace("_", " ")
    return NetError(NetTrouble.TLS, f"TLS failed: {reason}")


def _peer_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return what the peer sent, leaf first, as DER; the method is public only from Python 3.13 on."""
    if sys.version_info >= (3, 13):
        return tuple(tls.get_unverified_chain())
    chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain or ())
