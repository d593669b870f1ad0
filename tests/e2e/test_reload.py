"""Certificates and settings that change under a running daemon, and a daemon that nobody gave a certificate."""

import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.letters import ANN, BOB, send
from tests.support.openssl import s_client
from tests.support.peers.certificates import make_certificate
from tests.support.peers.processes import free_port
from tests.support.raw_client import RawClient
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HOST = "mail.test.example"
BAD_SETTINGS = 78  # sysexits.h


def install(folder: Path) -> dict[str, Path]:
    """Issue a certificate into *folder*, or another over the one that is there, as a program that renews does."""
    fresh = folder / "fresh"
    fresh.mkdir(exist_ok=True)
    certificate = make_certificate(fresh, HOST)
    certificate.chain_file.chmod(0o600)
    certificate.chain_file.rename(folder / "live.pem")
    return {"chain": folder / "live.pem", "key": folder / "live.pem"}


def shown(daemon: Daemon) -> str:
    host, port = daemon.host, daemon.port
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(host, port) as client:
        client.starttls(context=context)
        assert isinstance(client.sock, ssl.SSLSocket)
        return str(client.sock.getpeercert(binary_form=True))


def rewrite(daemon: Daemon, **settings: Any) -> None:
    """Add to the daemon's settings by a file of conf.d."""
    folder = daemon.config.parent / "conf.d"
    folder.mkdir(exist_ok=True)
    (folder / "more.toml").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))


def test_a76_a_renewed_certificate_is_shown_after_sighup_and_running_sessions_go_on(tmp_path: Path) -> None:
    with running(tmp_path, tls={"certificate": [install(tmp_path)]}) as daemon:
        before = shown(daemon)
        with smtplib.SMTP(daemon.host, daemon.port) as session:
            session.starttls()
            install(tmp_path)
            daemon.hang_up()
            daemon.wait_for("CertificatesLoaded", 2)
            assert shown(daemon) != before
            assert session.noop()[0] == 250
        assert daemon.wait_for("SettingsReloaded")
        daemon.stop()
        assert daemon.errors() == []


def test_a76_a_bad_renewal_keeps_the_old_certificate(tmp_path: Path) -> None:
    """A76: a key that does not fit: told by an event, the old pair goes on, and a good one is taken later."""
    with running(tmp_path, tls={"certificate": [install(tmp_path)]}) as daemon:
        before = shown(daemon)
        (tmp_path / "live.pem").write_text("half a file")
        daemon.hang_up()
        (refused,) = daemon.wait_for("SettingsRefused")
        assert str(tmp_path / "live.pem") in refused["reason"]
        assert shown(daemon) == before
        install(tmp_path)
        daemon.hang_up()
        daemon.wait_for("CertificatesLoaded", 2)
        assert shown(daemon) != before


def test_a77_bad_settings_at_reload_change_nothing_and_are_told_to_operator_and_log(tmp_path: Path) -> None:
    """A77: by `mailrail reload` (78) and by SIGHUP, while mail goes on."""
    with running(tmp_path, tls={"certificate": [install(tmp_path)]}) as daemon:
        good = daemon.config.read_text()
        daemon.config.write_text(good + "spol = 1\n")
        daemon.hang_up()
        (refused,) = daemon.wait_for("SettingsRefused")
        assert "did you mean" in refused["reason"]
        done = daemon.command("reload")
        assert done.returncode == BAD_SETTINGS
        assert "did you mean" in done.stderr
        (tmp_path / "live.pem").chmod(0o644)
        daemon.config.write_text(good)
        done = daemon.command("reload")
        assert done.returncode == BAD_SETTINGS
        assert "can be read by everybody" in done.stderr
        with RawClient(daemon.host, daemon.port) as client:
            client.say_all("EHLO a.example", "QUIT")


def test_a_reload_says_what_is_in_force_and_what_waits_for_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, tls={"certificate": [install(tmp_path)]}) as daemon:
        done = daemon.command("reload")
        assert done.stdout == "no setting has changed; the certificates were read again\n"
        text = daemon.config.read_text()
        text = text.replace('drain_s = "5s"', 'drain_s = "6s"').replace("workers = 1", "workers = 2")
        daemon.config.write_text(
            text.replace("self_signed = false", 'minimum_version = "1.3", self_signed = false')
        )
        done = daemon.command("reload")
        assert done.returncode == 0, done.stderr
        assert (
            done.stdout
            == "in force now: timeouts.drain_s, tls.minimum_version\nwaits for a restart: workers\n"
        )
        assert "protocol version" in s_client(daemon.address, "-starttls", "smtp", "-tls1_2")


def test_sighup_ends_no_daemon_and_many_come_to_one(tmp_path: Path) -> None:
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        for _ in range(20):
            daemon.hang_up()
        daemon.wait_for("SettingsReloaded")
        send(daemon)
        receiver.wait_for(1)
        daemon.stop()
        assert daemon.errors() == []


def test_a_daemon_without_a_certificate_offers_tls_by_one_of_its_own(tmp_path: Path) -> None:
    """Submission at 587 and 465 works without a manual; what to do for a certificate that counts is told."""
    ports = free_port(), free_port()
    listener: list[dict[str, Any]] = [
        {"role": "mx"},
        {"address": f"127.0.0.1:{ports[0]}", "role": "submission"},
        {"address": f"127.0.0.1:{ports[1]}", "role": "submission", "implicit_tls": True},
    ]
    message = EmailMessage()
    message["From"], message["To"] = ANN, BOB
    with (
        Receiver() as receiver,
        running(
            tmp_path, listener=listener, route=[to(receiver.address)], tls={"self_signed": True}
        ) as daemon,
    ):
        context = ssl.create_default_context(cafile=daemon.spool / "tls" / "self-signed.pem")
        context.check_hostname = False
        for port in (daemon.port, ports[0]):
            with smtplib.SMTP(daemon.host, port) as client:
                client.starttls(context=context)
                client.send_message(message)
        with smtplib.SMTP_SSL(daemon.host, ports[1], context=context) as client:
            client.send_message(message)
        assert all(b"with ESMTPS" in mail.header for mail in receiver.wait_for(3))
        (told,) = daemon.wait_for("SelfSignedInUse")
        assert told["names"] == [HOST]
        assert "[[tls.certificate]]" in told["advice"]
        status = daemon.command("status").stdout
        assert f"TLS         {HOST}, for " in status
        assert "nobody can verify it" in status
        for command in ("check", "show"):
            assert "self-signed certificate" in daemon.command("config", command).stdout
