"""A smarthost that wants TLS and a login: aiosmtpd, with STARTTLS and with TLS from the first byte."""

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from tests.support.daemon import running, to
from tests.support.letters import BOB, letter, send
from tests.support.peers.certificates import Certificate, make_certificate
from tests.support.peers.processes import START_TIMEOUT_S, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PASSWORD = "päss wörd\t\\"


class Smarthost:
    """What the smarthost was told."""

    def __init__(self) -> None:
        self.logins: list[tuple[bytes, bytes]] = []
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert session.authenticated
        self.envelopes.append(envelope)
        return "250 2.0.0 kept"

    def check(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@contextlib.contextmanager
def smarthost(certificate: Certificate, *, implicit_tls: bool = False) -> Iterator[tuple[Smarthost, str]]:
    """Run one; it takes mail only from those who logged in under TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain_file)
    seen, port = Smarthost(), free_port()
    options: dict[str, Any] = {"tls_context": context, "require_starttls": True, "auth_required": True}
    if implicit_tls:
        # aiosmtpd knows of no TLS but STARTTLS: it must be told that AUTH is all right.
        options = {"ssl_context": context, "auth_require_tls": False}
    options["ready_timeout"] = START_TIMEOUT_S
    controller = Controller(seen, hostname="127.0.0.1", port=port, authenticator=seen.check, **options)
    controller.start()
    try:
        yield seen, f"localhost:{port}"
    finally:
        controller.stop()


@pytest.mark.parametrize("implicit_tls", [False, True])
def test_mail_reaches_a_smarthost_by_login_under_verified_tls(tmp_path: Path, implicit_tls: bool) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    login = {"user": "ann@sender.example", "password_file": secret}
    with smarthost(certificate, implicit_tls=implicit_tls) as (seen, address):
        route = to(address, login=login, implicit_tls=implicit_tls)
        trust = {"SSL_CERT_FILE": str(certificate.ca_file)}
        with running(tmp_path, environment=trust, route=[route]) as daemon:
            send(daemon, letter("one"))
            send(daemon, letter("two"))
            daemon.wait_for("RecipientDelivered", 2)
            assert PASSWORD not in daemon.log()
    assert {one.rcpt_tos[0] for one in seen.envelopes} == {BOB}
    assert set(seen.logins) == {(b"ann@sender.example", PASSWORD.encode())}
    assert len(seen.logins) <= 2


def test_a_wrong_password_is_our_own_trouble_and_bounces_nothing(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    with smarthost(certificate) as (seen, address):
        route = to(address, login={"user": "ann", "password": "wrong"})
        (tmp_path / "mailrail.toml").touch(mode=0o600)
        trust = {"SSL_CERT_FILE": str(certificate.ca_file)}
        with running(tmp_path, environment=trust, route=[route]) as daemon:
            send(daemon)
            (deferred, *_) = daemon.wait_for("RecipientDeferred")
            assert deferred["blame"] == "ourselves"
            assert len(daemon.queue()) == 1
            assert seen.envelopes == []


def test_a_login_is_never_sent_to_a_smarthost_that_cannot_prove_its_name(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "other.example")
    with smarthost(certificate) as (seen, address):
        (tmp_path / "mailrail.toml").touch(mode=0o600)
        route = to(address, tls="verify", login={"user": "ann", "password": PASSWORD})
        trust = {"SSL_CERT_FILE": str(certificate.ca_file)}
        with running(tmp_path, environment=trust, route=[route]) as daemon:
            send(daemon)
            (deferred, *_) = daemon.wait_for("RecipientDeferred")
            assert deferred["reply"].startswith("451 4.7.5")
            assert seen.logins == []
