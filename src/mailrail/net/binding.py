"""Floor 2 · net — what ties a login to the TLS that it goes through: tls-server-end-point (RFC 5929 §4).

The only binding there is: Python's ssl cannot export keys, and what it calls tls-unique is wrong under TLS 1.3.
"""

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

_WEAK: Final = frozenset({"md5", "sha1"})  # RFC 5929 §4.1: SHA-256 takes their place


def end_point_binding(certificate: bytes | None) -> bytes | None:
    """Return the hash of the server's certificate, by the hash of its signature.

    Args:
        certificate: DER; None where it is not known which one was shown.

    Returns:
        None also where the RFC defines nothing: a signature without a hash of its own, as by Ed25519.
    """
    if certificate is None:
        return None
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if algorithm is None:
        return None
    digest = hashes.Hash(hashes.SHA256() if algorithm.name in _WEAK else algorithm)
    digest.update(certificate)
    return digest.finalize()
