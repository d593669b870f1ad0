"""What a submission may ask for, through a real daemon with Python's own client."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.letters import ANN, BOB
from tests.support.peers.certificates import make_certificate
from tests.support.receiver import Receiver, Step

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LETTER = b"From: <ann@sender.example>\r\nSubject: secret\r\n\r\nhello\r\n"


@contextmanager
def under_tls(daemon: Daemon) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client:
        client.starttls()
        client.ehlo()
        yield client


def submit(daemon: Daemon, *options: str) -> None:
    with under_tls(daemon) as client:
        assert client.sendmail(ANN, BOB, LETTER, mail_options=options) == {}


def settings(folder: Path) -> dict[str, Any]:
    certificate = make_certificate(folder, "mail.test.example")
    certificate.chain_file.chmod(0o600)
    files = {"chain": certificate.chain_file, "key": certificate.chain_file}
    return {"tls": {"certificate": [files]}}


def test_requiretls_is_offered_under_tls_kept_in_the_queue_and_ends_on_this_machine(tmp_path: Path) -> None:
    waits = [True]

    def later(step: Step) -> str | None:
        return "451 4.3.0 not yet" if waits and step.verb == "RCPT" else None

    with Receiver(script=later) as receiver:
        listener = [{"role": "submission", "requiretls": True}]
        with running(
            tmp_path, route=[to(receiver.address)], listener=listener, **settings(tmp_path)
        ) as daemon:
            with smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client:
                client.ehlo()
                assert not client.has_extn("requiretls")
            submit(daemon, "REQUIRETLS")
            (row,) = daemon.queue()
            assert row["requiretls"] is True
            daemon.kill()
            daemon.start()
            assert (
                "verified at every hop (REQUIRETLS)"
                in daemon.command("queue", "show", row["queue_id"]).stdout
            )
            waits.clear()
            assert len(receiver.wait_for(1)) == 1


def test_a_message_is_kept_back_across_a_crash_until_the_operator_lets_it_go(tmp_path: Path) -> None:
    with Receiver() as receiver:
        listener = [{"role": "submission", "future_release_s": "1d"}]
        with running(
            tmp_path, route=[to(receiver.address)], listener=listener, **settings(tmp_path)
        ) as daemon:
            submit(daemon, "HOLDFOR=3600")
            daemon.kill()
            daemon.start()
            (row,) = daemon.queue()
            assert row["release_us"] == row["due_us"] == row["arrived_us"] + 3_600_000_000
            assert (
                "as its sender asked (FUTURERELEASE)"
                in daemon.command("queue", "show", row["queue_id"]).stdout
            )
            assert daemon.events("RecipientDelivered") == []
            assert daemon.command("queue", "retry", row["queue_id"]).returncode == 0
            assert len(receiver.wait_for(1)) == 1
