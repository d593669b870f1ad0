"""Certificates by ACME, from Pebble: each proof, the renewal that an operator asks for, and what goes wrong."""

import json
import smtplib
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, running
from tests.support.peers.pebble import Pebble, pebble
from tests.support.peers.processes import free_port

pytest.importorskip("acme", reason='the library is missing: pip install "mailrail[acme]"')
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HOST = "mail.test.example"
UNAVAILABLE = 69  # sysexits.h

# What an operator's hook does, for the name server of these tests.
HOOK = """\
import json, sys, urllib.request
url, verb, name, value = sys.argv[1:]
if verb == "add":
    body, path = {"host": name + ".", "value": value}, "/set-txt"
else:
    body, path = {"host": name + "."}, "/clear-txt"
urllib.request.urlopen(url + path, json.dumps(body).encode(), timeout=5)
"""


@pytest.fixture(scope="module")
def authority() -> Iterator[Pebble]:
    with pebble() as running_pebble:
        yield running_pebble


def settings(authority: Pebble, **more: Any) -> dict[str, Any]:
    return {
        "domains": [HOST],
        "agree_to_terms": True,
        "contact": ["postmaster@test.example"],
        "directory_url": authority.directory_url,
        "directory_ca": authority.ca_file,
        "http_address": f"127.0.0.1:{authority.http_port}",
        "tls_address": f"127.0.0.1:{authority.tls_port}",
        **more,
    }


def shown(daemon: Daemon) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(daemon.host, daemon.port) as client:
        client.starttls(context=context)
        assert isinstance(client.sock, ssl.SSLSocket)
        found = client.sock.getpeercert(binary_form=True)
        assert found is not None
        return found


def is_shown(daemon: Daemon, file: Path) -> bool:
    chain = file.read_text()
    begin = chain.index("-----BEGIN CERTIFICATE")
    end = chain.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
    return shown(daemon) == ssl.PEM_cert_to_DER_cert(chain[begin:end])


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_a_certificate_is_fetched_at_the_first_start_and_shown(
    authority: Pebble, tmp_path: Path, challenge: str
) -> None:
    wish = settings(authority, challenge=challenge)
    with running(tmp_path, acme=wish, tls={"self_signed": True}) as daemon:
        (obtained,) = daemon.wait_for("CertificateObtained", timeout_s=60)
        assert obtained["names"] == [HOST]
        daemon.wait_for("CertificatesLoaded", 2)
        file = Path(obtained["file"])
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.with_name("acme-account.key").stat().st_mode & 0o777 == 0o600
        assert is_shown(daemon, file)
        listing = daemon.command("certificate", "show").stdout
        assert listing.startswith(f"{HOST}, for ")
        assert "Pebble" in listing
        daemon.stop()
        assert daemon.errors() == []
        daemon.start()  # it is kept, and it is not time yet
        assert is_shown(daemon, file)
        assert len(daemon.events("CertificateObtained")) == 1


def test_a_wildcard_is_proven_by_the_hook_and_renewed_when_an_operator_asks(
    authority: Pebble, tmp_path: Path
) -> None:
    hook = tmp_path / "hook.py"
    hook.write_text(HOOK)
    wish = settings(
        authority,
        domains=[HOST, "*.test.example"],
        challenge="dns-01",
        dns_hook=[sys.executable, str(hook), authority.records_url],
        dns_wait_s=0,
    )
    with running(tmp_path, acme=wish) as daemon:
        daemon.wait_for("CertificateObtained", timeout_s=60)
        daemon.wait_for("CertificatesLoaded")
        first = shown(daemon)
        done = daemon.command("certificate", "renew")
        assert done.returncode == 0, done.stderr + authority.log()
        assert done.stdout.startswith("*.test.example, mail.test.example, for ")
        assert shown(daemon) != first
        (row,) = map(json.loads, daemon.command("certificate", "show", "--json").stdout.splitlines())
        assert row["names"] == ["*.test.example", HOST]
        daemon.stop()
        assert daemon.errors() == []


def test_a_proof_that_fails_is_told_with_the_authoritys_words_and_mail_goes_on(
    authority: Pebble, tmp_path: Path
) -> None:
    wish = settings(authority, http_address=f"127.0.0.1:{free_port()}")  # not where the authority looks
    with running(tmp_path, acme=wish, tls={"self_signed": True}) as daemon:
        (failed,) = daemon.wait_for("CertificateNotObtained", timeout_s=60)
        assert HOST in failed["reason"]
        assert failed["wait_s"] > 600
        assert shown(daemon)
        done = daemon.command("certificate", "renew")
        assert done.returncode == UNAVAILABLE
        assert HOST in done.stderr
        daemon.stop()


def test_an_authority_that_does_not_answer_is_told_and_a_stop_does_not_wait_for_it(tmp_path: Path) -> None:
    wish = {
        "domains": [HOST],
        "agree_to_terms": True,
        "directory_url": f"https://127.0.0.1:{free_port()}/dir",
    }
    with running(tmp_path, acme=wish) as daemon:
        (failed,) = daemon.wait_for("CertificateNotObtained")
        assert "the order at https://127.0.0.1" in failed["reason"]
        daemon.stop()


def test_without_acme_in_the_settings_a_renewal_says_what_to_do(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        done = daemon.command("certificate", "renew")
        assert done.returncode == UNAVAILABLE
        assert "acme.domains" in done.stderr
        assert daemon.command("certificate", "show").stdout == "none: TLS is not offered\n"
