"""The program as its operator uses it, against a running daemon."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.daemon import Daemon, mailrail, running, to
from tests.support.dnsserver import DnsServer
from tests.support.letters import ANN, BOB, letter, send
from tests.support.peers.processes import free_port
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OK, DATA, UNAVAILABLE = 0, 65, 69  # sysexits.h


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon with three messages whose next hop is down; their senders are reached at `senders_port`."""
    routes = [to(f"127.0.0.1:{free_port()}", "*.dead.example"), to(f"127.0.0.1:{free_port()}")]
    patient = {
        "retry": {"first_s": 600, "longest_s": 600},
        "window": {"sleep_first_s": 600, "sleep_longest_s": 600},
    }
    with running(tmp_path, route=routes, queue=patient) as daemon:
        send(daemon, letter("one"), to="bob@one.dead.example")
        send(daemon, letter("two"), to="bob@two.dead.example", sender="other@sender.example")
        send(daemon, letter("three"), to=["bob@one.dead.example", "carol@one.dead.example"])
        daemon.wait_for("RecipientDeferred", 4)
        yield daemon


def changed(daemon: Daemon, *arguments: str) -> int:
    """Change the queue and return how many items it says it changed."""
    done = daemon.command("queue", *arguments, "--json")
    assert done.returncode == OK, done.stderr
    return int(json.loads(done.stdout)["items"])


def test_the_queue_is_listed_chosen_from_and_summed_up(stuck: Daemon) -> None:
    items = stuck.queue()
    assert len(items) == 3
    assert {item["sender"] for item in items} == {ANN, "other@sender.example"}
    assert all(item["attempts"] == 1 or item["recipients"][0]["last_reply"] for item in items)
    assert len(stuck.queue("--sender", "other@sender.example")) == 1
    assert len(stuck.queue("--recipient", "carol@one.dead.example")) == 1
    assert len(stuck.queue("--domain", "one.dead.example")) == 2
    plain = stuck.command("queue", "list").stdout
    assert "bob@two.dead.example" in plain
    assert "3 items" in plain
    shown = stuck.command("queue", "show", items[0]["queue_id"]).stdout
    assert f"from      {items[0]['sender']}" in shown
    stats = [json.loads(line) for line in stuck.command("queue", "stats", "--json").stdout.splitlines()]
    assert sum(row["items"] for row in stats) == 3


def test_hold_release_retry_and_delete_do_what_they_say(stuck: Daemon) -> None:
    first = stuck.queue()[0]["queue_id"]
    assert changed(stuck, "hold", "--domain", "one.dead.example") == 2
    assert {item["held"] for item in stuck.queue("--domain", "one.dead.example")} == {True}
    tried = len(stuck.events("RecipientDeferred"))
    assert changed(stuck, "retry", "--sender", "other@sender.example") == 1
    stuck.wait_for("RecipientDeferred", tried + 1)
    assert changed(stuck, "release", "--all") >= 2
    assert {item["held"] for item in stuck.queue()} == {False}
    assert changed(stuck, "delete", first) == 1
    assert first not in {item["queue_id"] for item in stuck.queue()}
    gone = stuck.command("queue", "delete", first)
    assert gone.returncode == DATA
    assert first in gone.stderr
    assert stuck.command("queue", "delete").returncode == 64
    assert stuck.command("queue", "delete", "--all").returncode == 64, "not without --yes"
    assert changed(stuck, "delete", "--all", "--yes") == 2
    assert stuck.queue() == []
    assert stuck.command("queue", "list").stdout == "Nothing waits.\n"


def test_bounce_returns_mail_to_its_sender_with_a_notice(tmp_path: Path) -> None:
    patient = {"retry": {"first_s": 600, "longest_s": 600}}
    with (
        Receiver() as senders,
        running(
            tmp_path,
            route=[to(senders.address, "sender.example"), to(f"127.0.0.1:{free_port()}")],
            queue=patient,
        ) as daemon,
    ):
        send(daemon, letter("never mind"))
        daemon.wait_for("RecipientDeferred")
        assert changed(daemon, "bounce", "--all", "--yes") == 1
        (notice,) = senders.wait_for(1)
        assert notice.sender.split()[0] == "FROM:<>"
        assert b"Status: 5.7.1" in notice.content
        assert b"Subject: never mind" in notice.content
        daemon.wait_for_empty_queue()


def test_a_host_that_came_back_gets_its_mail_when_the_operator_says_retry(tmp_path: Path) -> None:
    port = free_port()
    patient = {
        "retry": {"first_s": 600, "longest_s": 600},
        "window": {"sleep_first_s": 600, "sleep_longest_s": 600},
    }
    with running(tmp_path, route=[to(f"127.0.0.1:{port}")], queue=patient) as daemon:
        for number in range(10):
            send(daemon, letter(f"number {number}"))
        daemon.wait_for("RecipientDeferred", 10)
        with Receiver(port=port) as receiver:
            assert changed(daemon, "retry", "--all") == 10
            receiver.wait_for(10)


def test_held_mail_stays_held_over_a_restart_and_goes_out_when_released(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, route=[to(f"127.0.0.1:{port}")]) as daemon:
        send(daemon)
        daemon.wait_for("RecipientDeferred")
        (waiting,) = daemon.queue()
        assert changed(daemon, "hold", waiting["queue_id"]) == 1
        daemon.stop()
        with Receiver(port=port) as receiver:
            daemon.start()
            send(daemon, letter("another"))
            receiver.wait_for(1)
            assert len(daemon.queue("--held")) == 1
            assert changed(daemon, "release", waiting["queue_id"]) == 1
            receiver.wait_for(2)


def test_a_hold_of_everything_keeps_back_what_comes_over_a_restart_too(tmp_path: Path) -> None:
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        assert changed(daemon, "hold", "--all") == 0
        send(daemon)
        daemon.stop()
        daemon.start()
        send(daemon, letter("another"))
        assert len(daemon.queue("--held")) == 2
        assert "held as it comes: all mail" in daemon.command("queue", "list").stdout
        assert changed(daemon, "release", "--all") == 2
        receiver.wait_for(2)


def test_explain_says_which_way_and_why(tmp_path: Path) -> None:
    records = {"receiver.example": ["MX 10 mx.receiver.example"], "mx.receiver.example": ["A 127.0.0.11"]}
    with DnsServer(records) as names:
        daemon = Daemon(
            tmp_path,
            {
                "dns": {"servers": [str(names.endpoint)]},
                "relay": {"networks": ["10.0.0.0/8"]},
                "route": [to("smart.example:587", "*.partner.example")],
            },
        )
        done = daemon.command("explain", BOB, "--from", ANN, "--ip", "10.1.2.3")
        assert done.returncode == OK, done.stderr
        assert "10.0.0.0/8" in done.stdout
        assert "mx.receiver.example" in done.stdout
        assert "127.0.0.11" in done.stdout
        stranger = daemon.command("explain", BOB, "--ip", "192.0.2.1", "--json")
        answer = json.loads(stranger.stdout)
        assert answer["is_taken"] is False
        partner = daemon.command("explain", "x@a.partner.example", "--ip", "10.1.2.3").stdout
        assert "smart.example:587" in partner
        assert "route 1" in partner


def test_send_gives_a_message_to_the_daemon_and_shows_its_answer(tmp_path: Path) -> None:
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        done = daemon.command("send", "--from", ANN, "--to", BOB, "--subject", "by hand", "--text", "hello")
        assert done.returncode == OK, done.stderr
        assert "Queued as" in done.stdout
        (mail,) = receiver.wait_for(1)
        assert b"Subject: by hand" in mail.header
        assert b"hello" in mail.body
        piped = daemon.command("send", stdin=letter("from a pipe").as_string())
        assert piped.returncode == OK, piped.stderr
        assert receiver.wait_for(2)[1].recipients[0].split()[0] == f"TO:<{BOB}>"
        refused = daemon.command(
            "send", "--from", ANN, "--to", "a..b@receiver.example", "--subject", "x", "--text", "y"
        )
        assert refused.returncode != OK
        daemon.stop()
        down = daemon.command("send", "--from", ANN, "--to", BOB, "--subject", "x", "--text", "y")
        assert down.returncode == UNAVAILABLE
        assert daemon.address in down.stderr


def test_check_show_and_reference_agree(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, {})
    assert daemon.command("config", "check").returncode == OK
    shown = daemon.command("config", "show")
    again = tmp_path / "again.toml"
    again.write_text(shown.stdout)
    assert mailrail("config", "check", "--config", str(again)).returncode == OK
    reference = tmp_path / "reference.toml"
    reference.write_text(mailrail("config", "reference").stdout)
    assert mailrail("config", "check", "--config", str(reference)).returncode == OK
    assert mailrail("--version").stdout.startswith("mailrail ")
