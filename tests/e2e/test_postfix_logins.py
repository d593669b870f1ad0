"""Logins between a real Postfix and us: it logs in to us, and we log in to it, which asks a real Dovecot."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import running, to
from tests.support.letters import ANN, BOB, letter, send
from tests.support.peers.certificates import make_certificate
from tests.support.peers.dovecot import dovecot
from tests.support.peers.mail_server import MailServer
from tests.support.peers.postfix import postfix
from tests.support.peers.processes import free_port
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SECRET = "correct horse battery"
OK = 0
IS_WRAPPED = {False: "STARTTLS", True: "TLS from the first byte"}


def postfix_with_password(folder: Path, port: int, password: str, *, is_wrapped: bool) -> dict[str, str]:
    """Return the lines of main.cf of a client that logs in as Ann at *port*."""
    table = folder / "passwords"
    table.write_text(f"[127.0.0.1]:{port} {ANN}:{password}\n")
    table.chmod(0o644)  # a throw-away, read by another user
    return {
        "smtp_sasl_auth_enable": "yes",
        "smtp_sasl_password_maps": f"texthash:{table}",
        "smtp_sasl_security_options": "noanonymous",
        "smtp_tls_security_level": "encrypt",
        "smtp_tls_wrappermode": "yes" if is_wrapped else "no",
    }


@pytest.mark.parametrize("is_wrapped", IS_WRAPPED, ids=IS_WRAPPED.get)
def test_postfix_logs_in_to_us_and_relays_its_mail(tmp_path: Path, is_wrapped: bool) -> None:
    submission, users = free_port(), tmp_path / "users.toml"
    certificate = make_certificate(tmp_path, "mail.test.example")
    certificate.chain_file.chmod(0o600)
    settings: dict[str, Any] = {
        "tls": {"certificate": [{"chain": certificate.chain_file, "key": certificate.chain_file}]},
        "relay": {"networks": []},
        "users": {"file": users},
        "listener": [
            {},
            {"address": f"127.0.0.1:{submission}", "role": "submission", "implicit_tls": is_wrapped},
        ],
    }
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)], **settings) as daemon:
        assert daemon.command("user", "add", ANN, "--stdin", stdin=f"{SECRET}\n").returncode == OK
        wrong = postfix_with_password(tmp_path, submission, "wrong password", is_wrapped=is_wrapped)
        with postfix(relay_to=("127.0.0.1", submission), parameters=wrong) as client:
            give(client)
            log = client.wait_for_log("status=deferred")
            assert "535 5.7.8 Authentication failed" in log, (
                "Postfix is to see our refusal, not a broken exchange"
            )
            assert daemon.wait_for("LoginRefused", claimed=ANN)
        right = postfix_with_password(tmp_path, submission, SECRET, is_wrapped=is_wrapped)
        with postfix(relay_to=("127.0.0.1", submission), parameters=right) as client:
            give(client)
            assert "250 2.0.0 Queued as" in client.wait_for_log("status=sent")
        (mail,) = receiver.wait_for(1)
        assert b"with ESMTPSA id" in mail.header
        assert daemon.wait_for("LoggedIn", user=ANN, mechanism="SCRAM-SHA-256")
        assert daemon.wait_for("MessageAccepted", user=ANN)


def give(client: MailServer) -> None:
    with smtplib.SMTP(client.host, client.port, timeout=20) as session:
        session.send_message(letter("through postfix"), ANN, [BOB])


@contextmanager
def smarthost() -> Iterator[MailServer]:
    """Run a Postfix that takes mail from nobody but whom Dovecot knows, and logins only under TLS."""
    with dovecot({ANN: SECRET}) as socket:
        only_logins = "permit_sasl_authenticated, reject"
        lines = {
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": str(socket),
            "smtpd_tls_auth_only": "yes",
            "smtpd_client_restrictions": only_logins,
            "smtpd_relay_restrictions": only_logins,
            "smtpd_delay_reject": "yes",
        }
        with postfix(accept=["receiver.example"], parameters=lines) as server:
            yield server


def test_we_log_in_to_postfix_as_a_smarthost(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    with smarthost() as server:
        trust = {"SSL_CERT_FILE": str(server.folder / "ca.pem")}
        route = to(f"localhost:{server.port}", login={"user": ANN, "password_file": secret})
        with running(tmp_path, environment=trust, route=[route]) as daemon:
            send(daemon)
            (kept,) = server.wait_for_mail(1)
            assert b"ESMTPSA" in kept
            server.wait_for_log(f"sasl_method=PLAIN, sasl_username={ANN}")
            assert daemon.wait_for("RecipientDelivered")


def test_a_password_that_postfix_refuses_keeps_our_mail_waiting(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong password\n")
    secret.chmod(0o600)
    with smarthost() as server:
        trust = {"SSL_CERT_FILE": str(server.folder / "ca.pem")}
        route = to(f"localhost:{server.port}", login={"user": ANN, "password_file": secret})
        with running(tmp_path, environment=trust, route=[route]) as daemon:
            send(daemon)
            (deferred, *_) = daemon.wait_for("RecipientDeferred")
            assert deferred["blame"] == "ourselves"
            assert deferred["reply"].startswith("454 4.7.0 Login at the next hop failed: auth: 535 5.7.8")
            assert len(daemon.queue()) == 1
            assert server.mail() == []
