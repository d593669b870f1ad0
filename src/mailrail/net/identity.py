"""Floor 2 · net — who a certificate says its owner is. Pure.

Only a certificate that was verified names anybody: `TlsInfo.peer_identity` asks here for no other. What stands in it
is the authority's word and the owner's wish, so every text is data, to be compared and shown, never obeyed.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a verified certificate is for.

    Attributes:
        subject: the distinguished name (RFC 4514), "" where there is none.
        common_name: the first common name of the subject, "" where there is none.
        host_names: DNS names of the subject alternative names, in lower case.
        addresses: mail addresses among them, as they stand there.
        fingerprint: SHA-256 of the certificate, 64 hexadecimal digits.
    """

    subject: str
    common_name: str
    host_names: tuple[str, ...]
    addresses: tuple[str, ...]
    fingerprint: str

    def __str__(self) -> str:
        return self.subject or next(iter((*self.host_names, *self.addresses)), self.fingerprint)


def identity_of(certificate: bytes) -> Identity | None:
    """Read whom *certificate*, DER and verified, is for; None where it cannot be read."""
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        host_names, addresses = _alternative_names(parsed)
        return Identity(
            subject=parsed.subject.rfc4514_string(),
            common_name=_common_name(parsed.subject),
            host_names=host_names,
            addresses=addresses,
            fingerprint=parsed.fingerprint(hashes.SHA256()).hex(),
        )
    except ValueError:  # OpenSSL is content with more than this parser
        return None


def _alternative_names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    hosts = tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))
    return hosts, tuple(names.get_values_for_type(x509.RFC822Name))


def _common_name(subject: x509.Name) -> str:
    found = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""
