import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from mailrail.model import SystemClock
from mailrail.net import CertificateFiles, TlsSettings, end_point_binding, self_signed, server_context

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example")])


def certificate(algorithm: hashes.SHA256 | hashes.SHA384 | None) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1()) if algorithm else ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateBuilder().subject_name(NAME).issuer_name(NAME).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
    return (
        builder.not_valid_after(datetime(2035, 1, 1, tzinfo=UTC))
        .sign(key, algorithm)
        .public_bytes(Encoding.DER)
    )


def test_the_certificate_is_hashed_as_its_signature_was() -> None:
    for algorithm, name in ((hashes.SHA256(), "sha256"), (hashes.SHA384(), "sha384")):
        der = certificate(algorithm)
        assert end_point_binding(der) == hashlib.new(name, der).digest()


@pytest.mark.parametrize("der", [None, b"", b"no certificate"])
def test_without_a_certificate_there_is_no_binding(der: bytes | None) -> None:
    assert end_point_binding(der) is None


def test_a_signature_without_a_hash_of_its_own_gives_none() -> None:
    assert end_point_binding(certificate(None)) is None


def files(folder: Path, name: str, number: int) -> CertificateFiles:
    chain, key = self_signed(name, SystemClock())
    (folder / f"{number}.pem").write_bytes(chain)
    (folder / f"{number}.key").touch(mode=0o600)
    (folder / f"{number}.key").write_bytes(key)
    return CertificateFiles(chain=folder / f"{number}.pem", key=folder / f"{number}.key")


def test_a_server_knows_what_it_shows_unless_two_certificates_share_their_names(tmp_path: Path) -> None:
    one, other = files(tmp_path, "a.example", 1), files(tmp_path, "b.example", 2)
    contexts = server_context(TlsSettings(certificate=(one, other)))
    assert contexts.can_bind
    shown = {contexts.certificate_of(contexts.for_name(name)) for name in ("a.example", "b.example")}
    assert len(shown) == 2
    assert None not in shown
    twin = files(tmp_path, "a.example", 3)
    contexts = server_context(TlsSettings(certificate=(one, other, twin)))
    assert not contexts.can_bind
    assert contexts.certificate_of(contexts.for_name("a.example")) is None
