"""Floor 5 · sim — a certificate for strangers that offer STARTTLS and mean it.

What OpenSSL draws by itself must not change how many octets pass, or equal seeds would not give equal runs: so Ed25519,
whose signatures are all of one length, a serial number that is always the same, and no tickets.
"""

import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mailrail.net import ServerContexts

_FROM: Final = datetime(2025, 1, 1, tzinfo=UTC)
_TO: Final = datetime(2049, 12, 31, tzinfo=UTC)


def stranger_tls() -> ServerContexts:
    """Make a self-signed certificate; OpenSSL takes it from a real file, which is removed at once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "stranger.pem"
        file.write_bytes(_self_signed())
        context.load_cert_chain(file)
    return ServerContexts(context)


def _self_signed() -> bytes:
    """Return certificate and key as PEM."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stranger.example")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, _FROM, _TO)
    certificate = builder.sign(key, None).public_bytes(Encoding.PEM)
    return certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
