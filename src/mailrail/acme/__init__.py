"""Floor 3 · acme — certificates fetched by ACME (RFC 8555): ordered, proven, kept, renewed.

The protocol is the `acme` library's, which comes with the extra `mailrail[acme]` and is only imported by
`mailrail.acme.authority`. Ours is what a mail server must do about it: when, by which proof, and what then.
"""

from mailrail.acme.api import AcmeError, Authority, Challenge, Order, Proof
from mailrail.acme.events import CertificateNotObtained, CertificateObtained
from mailrail.acme.proofs import DnsHook, HttpProof, TlsAlpnProof, proof_for
from mailrail.acme.renewal import Renewal
from mailrail.acme.settings import AcmeSettings

__all__ = [
    "AcmeError",
    "AcmeSettings",
    "Authority",
    "CertificateNotObtained",
    "CertificateObtained",
    "Challenge",
    "DnsHook",
    "HttpProof",
    "Order",
    "Proof",
    "Renewal",
    "TlsAlpnProof",
    "proof_for",
]
