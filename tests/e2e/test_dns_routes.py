"""The way by DNS, asked of a server of our own: preferences, dead hosts, null MX, truths and troubles."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.dnsserver import DnsServer
from tests.support.letters import send
from tests.support.peers.processes import free_port
from tests.support.receiver import Receiver

from mailrail.sim import DnsFault

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@contextlib.contextmanager
def by_dns(
    base: Path, records: dict[str, list[str]], port: int, **settings: Any
) -> Iterator[tuple[Daemon, DnsServer, Receiver]]:
    """Run a daemon that asks a DNS server with *records*; what comes back to senders ends in the Receiver."""
    with (
        DnsServer(records) as names,
        Receiver() as senders,
        running(
            base,
            dns={"servers": [str(names.endpoint)]},
            routing={"mx_port": port, "ip_version": "4"},
            route=[to(senders.address, "sender.example")],
            **settings,
        ) as daemon,
    ):
        yield daemon, names, senders


def test_the_most_preferred_mx_gets_the_mail(tmp_path: Path) -> None:
    port = free_port()
    records = {
        "receiver.example": ["MX 20 b.receiver.example", "MX 10 a.receiver.example"],
        "a.receiver.example": ["A 127.0.0.11"],
        "b.receiver.example": ["A 127.0.0.12"],
    }
    with (
        Receiver(host="127.0.0.11", port=port) as best,
        Receiver(host="127.0.0.12", port=port) as second,
        by_dns(tmp_path, records, port) as (daemon, _, _),
    ):
        for _ in range(5):
            send(daemon)
        best.wait_for(5)
        assert second.mail == []
        (delivered, *_) = daemon.wait_for("RecipientDelivered", 5)
        assert delivered["relay"] == "a.receiver.example"
        assert delivered["remote"] == f"127.0.0.11:{port}"


def test_mail_spreads_over_equally_preferred_mx(tmp_path: Path) -> None:
    port = free_port()
    records = {
        "*.receiver.example": ["MX 10 a.hosts.example", "MX 10 b.hosts.example"],
        "a.hosts.example": ["A 127.0.0.11"],
        "b.hosts.example": ["A 127.0.0.12"],
    }
    with (
        Receiver(host="127.0.0.11", port=port) as one,
        Receiver(host="127.0.0.12", port=port) as other,
        by_dns(tmp_path, records, port) as (daemon, _, _),
    ):
        # A domain each, so that each is a new connection; 2 of 2^31 runs would see one host only.
        send(daemon, to=[f"bob@d{n}.receiver.example" for n in range(32)])
        daemon.wait_for("RecipientDelivered", 32)
        assert one.mail
        assert other.mail


def test_a53_a_dead_first_mx_is_passed_over_at_once(tmp_path: Path) -> None:
    """A53: connection refused, a greeting of 421 and of 554: the next MX gets it in the same try."""
    port = free_port()
    records = {
        "receiver.example": [f"MX {n} mx{n}.receiver.example" for n in (10, 20, 30, 40)],
        **{f"mx{n}.receiver.example": [f"A 127.0.0.{n}"] for n in (10, 20, 30, 40)},
    }

    with (
        Receiver(
            host="127.0.0.20",
            port=port,
            script=lambda step: "421 4.3.2 later" if step.verb == "CONNECT" else None,
        ),
        Receiver(
            host="127.0.0.30",
            port=port,
            script=lambda step: "554 5.3.2 no mail here" if step.verb == "CONNECT" else None,
        ),
        Receiver(host="127.0.0.40", port=port) as last,
        by_dns(tmp_path, records, port) as (daemon, _, _),
    ):
        send(daemon)
        last.wait_for(1)
        (delivered,) = daemon.wait_for("RecipientDelivered")
        assert delivered["relay"] == "mx40.receiver.example"
        assert delivered.get("attempts", 1) == 1


def test_a53_the_truth_of_dns_ends_mail_and_its_trouble_does_not(tmp_path: Path) -> None:
    """A52, A53: null MX, no such domain and no host for mail bounce; SERVFAIL, silence and lies wait."""
    port = free_port()
    records = {
        "null.example": ["MX 0 ."],
        "nohost.example": ["MX 10 gone.nohost.example"],
        "nothing.example": ["TXT hello"],
        "loop.example": ["MX 10 mail.test.example"],
        "servfail.example": ["MX 10 a.servfail.example"],
        "silent.example": ["MX 10 a.silent.example"],
        "garbage.example": ["MX 10 a.garbage.example"],
        "halfway.example": ["MX 10 a.halfway.example"],
        "mail.test.example": ["A 127.0.0.1"],
    }
    ends = {
        "null.example": b"5.1.10",
        "missing.example": b"5.1.2",
        "nohost.example": b"5.4.4",
        "nothing.example": b"5.4.4",
        "loop.example": b"5.4.6",
    }
    waits = {"servfail.example", "silent.example", "garbage.example", "halfway.example"}
    with by_dns(tmp_path, records, port) as (daemon, names, senders):
        names.zone.fail("servfail.example", DnsFault.SERVFAIL)
        names.zone.fail("silent.example", DnsFault.DROP)
        names.zone.fail("garbage.example", DnsFault.GARBAGE)
        names.zone.fail("a.halfway.example", DnsFault.SERVFAIL)
        for domain in (*ends, *waits):
            send(daemon, to=f"bob@{domain}")
        notices = {}
        for mail in senders.wait_for(len(ends)):
            (domain,) = [
                one
                for one in ends
                if f"Final-Recipient: rfc822; bob@{one}".encode() in mail.content
                or f"Final-Recipient: rfc822;bob@{one}".encode() in mail.content
            ]
            notices[domain] = mail.content
        for domain, status in ends.items():
            assert b"Status: " + status + b"\r\n" in notices[domain], (domain, notices[domain])
        for domain in waits:
            daemon.wait_for("RecipientDeferred", recipient=f"bob@{domain}")
        assert {item["recipients"][0]["address"].partition("@")[2] for item in daemon.queue()} == waits
        assert len(senders.mail) == len(ends)
        replies = {event["recipient"]: event["reply"] for event in daemon.events("RecipientDeferred")}
        assert all(reply.startswith("451 4.4.3") for reply in replies.values()), replies


def test_mail_that_waited_for_dns_goes_on_when_it_is_mended(tmp_path: Path) -> None:
    port = free_port()
    records = {"receiver.example": ["MX 10 mx.receiver.example"], "mx.receiver.example": ["A 127.0.0.11"]}
    with (
        Receiver(host="127.0.0.11", port=port) as receiver,
        by_dns(tmp_path, records, port) as (daemon, names, senders),
    ):
        names.zone.fail("receiver.example", DnsFault.SERVFAIL)
        send(daemon)
        daemon.wait_for("RecipientDeferred", 2)
        names.zone.mend("receiver.example")
        receiver.wait_for(1)
        assert senders.mail == []


def test_a_domain_without_mx_gets_mail_at_its_address(tmp_path: Path) -> None:
    """RFC 5321 §5.1: the implicit MX; a CNAME is followed to it."""
    port = free_port()
    records = {"receiver.example": ["A 127.0.0.11"], "alias.example": ["CNAME receiver.example."]}
    with (
        Receiver(host="127.0.0.11", port=port) as receiver,
        by_dns(tmp_path, records, port) as (daemon, _, _),
    ):
        send(daemon)
        send(daemon, to="bob@alias.example")
        mail = receiver.wait_for(2)
        assert {one.recipients[0].split()[0] for one in mail} == {
            "TO:<bob@receiver.example>",
            "TO:<bob@alias.example>",
        }


def test_mail_for_an_address_literal_goes_there(tmp_path: Path) -> None:
    port = free_port()
    with Receiver(host="127.0.0.11", port=port) as receiver, by_dns(tmp_path, {}, port) as (daemon, names, _):
        send(daemon, to="bob@[127.0.0.11]")
        receiver.wait_for(1)
        assert not names.zone.asked
