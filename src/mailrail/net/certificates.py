"""Floor 2 · net — certificates as files: what names they are for, whether they may be used, and making one."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mailrail.model import SECOND_US, Clock, SettingsError, utc

_READ_BY_OTHERS: Final = 0o004
_VALID: Final = timedelta(days=825)  # the longest that common clients accept


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a person wants to know of a certificate.

    Attributes:
        file: where it was read from.
        names: host names it is for, in order of the alphabet.
        issuer: who signed it, as RFC 4514 writes names.
        begins_us, ends_us: its validity, microseconds UTC.
        is_self_signed: nobody but itself vouches for it.
    """

    file: Path
    names: tuple[str, ...]
    issuer: str
    begins_us: int
    ends_us: int
    is_self_signed: bool


def certificate_facts(chain: Path) -> CertificateFacts:
    """Read the first certificate of a PEM file.

    Raises:
        SettingsError: the file cannot be read, or has no certificate.
    """
    certificate = read_certificate(chain)
    return CertificateFacts(
        file=chain,
        names=tuple(sorted(names_of(certificate))),
        issuer=certificate.issuer.rfc4514_string(),
        begins_us=_microseconds(certificate.not_valid_before_utc),
        ends_us=_microseconds(certificate.not_valid_after_utc),
        is_self_signed=certificate.issuer == certificate.subject,
    )


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND_US


def check_key_file(key: Path) -> None:
    """Refuse a key file that everybody on the machine can read (A77).

    Raises:
        SettingsError: it is, or cannot be looked at.
    """
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise SettingsError(f"TLS key {key}: {error.strerror}") from error
    if mode & _READ_BY_OTHERS:
        raise SettingsError(f"TLS key {key} can be read by everybody; mend it: chmod 600 {key}")


def read_certificate(chain: Path) -> x509.Certificate:
    """Return the first certificate of a PEM file.

    Raises:
        SettingsError: the file cannot be read, or has no certificate.
    """
    try:
        return x509.load_pem_x509_certificate(chain.read_bytes())
    except OSError as error:
        raise SettingsError(f"TLS certificate {chain}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"TLS certificate {chain}: no PEM certificate in this file") from error


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """Return the host names a certificate is for, in lower case; the common name does not count (RFC 9525 §2)."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(name.lower() for name in alternatives.get_values_for_type(x509.DNSName))


def self_signed(hostname: str, clock: Clock) -> tuple[bytes, bytes]:
    """Make a certificate that nobody vouches for, and its ECDSA P-256 key: for trials and tests.

    Args:
        hostname: host name (A-labels) or IP address.
        clock: its validity begins an hour ago, and ends after 825 days.

    Returns:
        The certificate and the key, both PEM.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    now = utc(clock.now_us())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([_general_name(hostname)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), key_pem


def _general_name(hostname: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(hostname))
    except ValueError:
        return x509.DNSName(hostname)
