"""TLS contexts: every switch, and what is said about files that cannot be used."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from tests.support.net_world import make_files

from mailrail.model import SettingsError, SystemClock
from mailrail.net import (
    CertificateFiles,
    ServerContexts,
    TlsSettings,
    client_context,
    self_signed,
    server_context,
)
from mailrail.net.certificates import names_of, read_certificate


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return make_files(tmp_path, "mx.example.org")


def test_both_kinds_speak_tls_1_2_or_newer_without_renegotiation_or_compression_a76(
    files: CertificateFiles,
) -> None:
    server = server_context(TlsSettings(certificate=(files,))).default
    for context in (server, client_context(verify=True), client_context(verify=False)):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.verify_flags == ssl.VERIFY_X509_TRUSTED_FIRST


def test_a_server_offers_only_forward_secret_authenticated_suites(files: CertificateFiles) -> None:
    suites = [
        suite["name"] for suite in server_context(TlsSettings(certificate=(files,))).default.get_ciphers()
    ]
    assert suites
    assert all("GCM" in name or "CHACHA20" in name for name in suites)
    assert all(name.startswith(("TLS_", "ECDHE-")) for name in suites)


def test_the_minimum_version_is_a_setting(files: CertificateFiles) -> None:
    contexts = server_context(TlsSettings(certificate=(files,), minimum_version="1.3"))
    assert contexts.default.minimum_version is ssl.TLSVersion.TLSv1_3


def test_a_verifying_client_checks_chain_and_name_and_the_other_nothing() -> None:
    strict, opportunistic = client_context(verify=True), client_context(verify=False)
    assert strict.check_hostname
    assert strict.verify_mode is ssl.CERT_REQUIRED
    assert not strict.hostname_checks_common_name
    assert not opportunistic.check_hostname
    assert opportunistic.verify_mode is ssl.CERT_NONE


def test_a_client_certificate_is_loaded(files: CertificateFiles) -> None:
    assert client_context(verify=False, client_certificate=files).verify_mode is ssl.CERT_NONE


def test_two_certificates_for_the_same_names_share_a_context(tmp_path: Path, files: CertificateFiles) -> None:
    twin_folder = tmp_path / "twin"
    twin_folder.mkdir()
    other = make_files(tmp_path, "other.example.org")
    contexts = server_context(
        TlsSettings(certificate=(files, make_files(twin_folder, "mx.example.org"), other))
    )
    assert contexts.for_name("mx.example.org") is contexts.default
    assert contexts.for_name("other.example.org") is not contexts.default


def test_a_wildcard_covers_one_label_only() -> None:
    default, wild = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    contexts = ServerContexts(default, {"*.example.org": wild})
    assert contexts.for_name("a.example.org") is wild
    for name in (None, "example.org", "a.b.example.org", "*", "", ".", "org"):
        assert contexts.for_name(name) is default


def test_the_end_of_validity_is_known(files: CertificateFiles) -> None:
    contexts = server_context(TlsSettings(certificate=(files,)))
    days = (contexts.expires_us - SystemClock().now_us()) / 86_400_000_000
    assert 824 < days <= 825


def test_a_self_signed_certificate_is_for_its_name_or_address(files: CertificateFiles) -> None:
    assert names_of(read_certificate(files.chain)) == {"mx.example.org"}
    chain_pem, key_pem = self_signed("192.0.2.1", SystemClock())
    assert b"BEGIN CERTIFICATE" in chain_pem
    assert b"BEGIN PRIVATE KEY" in key_pem


# -- what cannot be used is named -------------------------------------------------------------------


def settings(chain: Path, key: Path) -> TlsSettings:
    return TlsSettings(certificate=(CertificateFiles(chain=chain, key=key),))


def test_no_certificate_at_all_is_told() -> None:
    with pytest.raises(SettingsError, match="at least one certificate"):
        server_context(TlsSettings())


def test_a_key_that_everybody_can_read_is_refused_a77(files: CertificateFiles) -> None:
    files.key.chmod(0o644)
    with pytest.raises(SettingsError, match=f"chmod 600 {files.key}"):
        server_context(TlsSettings(certificate=(files,)))
    with pytest.raises(SettingsError, match="read by everybody"):
        client_context(verify=False, client_certificate=files)
    files.key.chmod(0o640)  # a group may share it
    server_context(TlsSettings(certificate=(files,)))


def test_a_key_of_another_certificate_is_refused_naming_both_a76(
    tmp_path: Path, files: CertificateFiles
) -> None:
    other = make_files(tmp_path, "other.example.org")
    with pytest.raises(SettingsError, match=f"{other.key} does not belong to certificate {files.chain}"):
        server_context(settings(files.chain, other.key))


def test_missing_files_are_named(tmp_path: Path, files: CertificateFiles) -> None:
    nowhere = tmp_path / "nowhere.pem"
    with pytest.raises(SettingsError, match=f"TLS key {nowhere}: No such file"):
        server_context(settings(files.chain, nowhere))
    with pytest.raises(SettingsError, match=f"TLS certificate {nowhere}: No such file"):
        server_context(settings(nowhere, files.key))
    with pytest.raises(SettingsError, match=f"authorities file {nowhere}: No such file"):
        client_context(verify=True, ca_file=nowhere)


def test_files_that_are_no_pem_are_named(tmp_path: Path, files: CertificateFiles) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.touch(0o600)
    garbage.write_bytes(b"\x00\xff not a certificate")
    with pytest.raises(SettingsError, match=f"{garbage}: no PEM certificate"):
        server_context(settings(garbage, files.key))
    with pytest.raises(SettingsError, match=str(garbage)):
        server_context(settings(files.chain, garbage))
    with pytest.raises(SettingsError, match=f"authorities file {garbage}"):
        client_context(verify=True, ca_file=garbage)


def test_an_encrypted_key_is_refused_instead_of_asking_on_the_terminal(files: CertificateFiles) -> None:
    key = load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    with pytest.raises(SettingsError, match=f"{files.key} is encrypted"):
        server_context(TlsSettings(certificate=(files,)))


def test_unknown_cipher_names_are_refused(files: CertificateFiles) -> None:
    with pytest.raises(SettingsError, match="ROT13"):
        server_context(TlsSettings(certificate=(files,), ciphers="ROT13"))
