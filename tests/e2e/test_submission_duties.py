"""What a submission may ask for, through a real daemon with Python's own client."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.dnsserver import DnsServer
from tests.support.letters import ANN, BOB
from tests.support.peers.certificates import make_certificate
from tests.support.receiver import Receiver, Step

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NAME = "back.test.example"
Pair = tuple[Daemon, Daemon]
LETTER = b"From: <ann@sender.example>\r\nSubject: secret\r\n\r\nhello\r\n"


def not_yet(step: Step) -> str | None:
    return "451 4.3.0 not yet" if step.verb == "RCPT" else None


@contextmanager
def under_tls(daemon: Daemon) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client:
        client.starttls()
        client.ehlo()
        yield client


def submit(daemon: Daemon, *options: str) -> None:
    with under_tls(daemon) as client:
        assert client.sendmail(ANN, BOB, LETTER, mail_options=options) == {}


def settings(folder: Path, name: str = "mail.test.example") -> dict[str, Any]:
    certificate = make_certificate(folder, name)
    certificate.chain_file.chmod(0o600)
    files = {"chain": certificate.chain_file, "key": certificate.chain_file}
    return {"tls": {"certificate": [files]}}


@contextmanager
def chain(
    folder: Path, *, home: Receiver, end: Receiver, offers: bool = True, name: str = NAME
) -> Iterator[Pair]:
    """Run two of us; the second is found by its name, so that for the first it is no hop on this machine.

    Args:
        home: where notices go.
        end: where mail goes from the second.
        offers: the second offers REQUIRETLS.
        name: what its certificate is for.
    """
    near, far = folder / "near", folder / "far"
    near.mkdir()
    far.mkdir()
    member = {"role": "submission", "requiretls": True}
    with (
        DnsServer({NAME: ["A 127.0.0.1"]}) as dns,
        running(
            far, route=[to(end.address)], listener=[{"requiretls": offers}], **settings(far, name)
        ) as second,
        running(
            near,
            route=[
                to(home.address, match="sender.example"),
                to(f"{NAME}:{second.port}", ca_file=far / "ca.pem"),
            ],
            listener=[member],
            dns={"servers": [str(dns.endpoint)]},
            **settings(near),
        ) as first,
    ):
        yield first, second


def test_requiretls_goes_from_one_of_us_to_the_other_under_verified_tls(tmp_path: Path) -> None:
    """RFC 8689 §4.2.1."""
    with (
        Receiver() as home,
        Receiver(script=not_yet) as end,
        chain(tmp_path, home=home, end=end) as (first, second),
    ):
        submit(first, "REQUIRETLS")
        second.wait_for("MessageAccepted")
        (row,) = second.queue()
        assert row["requiretls"] is True, "the second knows what the sender demands"
        assert second.wait_for("SessionSecured")
        (opened,) = first.wait_for("SessionOpenedOut")
        assert opened["verified"]
        assert home.mail == []


@pytest.mark.parametrize(
    ("offers", "name", "status"),
    [(False, NAME, b"5.7.30"), (True, "other.test.example", b"5.7.10")],
    ids=["promises nothing", "wrong certificate"],
)
def test_a55_requiretls_comes_back_where_the_next_hop_cannot_keep_it(
    tmp_path: Path, offers: bool, name: str, status: bytes
) -> None:
    """RFC 8689 §4.2.1, §5."""
    with (
        Receiver() as home,
        Receiver() as end,
        chain(tmp_path, home=home, end=end, offers=offers, name=name) as (first, second),
    ):
        submit(first, "REQUIRETLS")
        (notice,) = home.wait_for(1)
        assert b"\r\nStatus: " + status + b"\r\n" in notice.content
        assert b"Subject: secret" not in notice.content
        assert second.events("MessageAccepted") == []
        first.wait_for_empty_queue()
        assert end.mail == []


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
