"""What users change daily, changed under a running daemon: in force at once, for who comes from now on, and nothing is lost by it."""

import asyncio
import itertools
import smtplib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import DEFAULTS, Daemon, merged, running, to
from tests.support.letters import ANN, send
from tests.support.load_client import Letter, LoadClient, under_load
from tests.support.peers.processes import PAUSE_S
from tests.support.raw_client import RawClient
from tests.support.receiver import Mail, Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OK = 0


def rewrite(daemon: Daemon, **settings: Any) -> str:
    """Write other settings, have them read, and return what the program says."""
    whole = merged(DEFAULTS, {"spool": {"path": daemon.spool}, **settings})
    whole["listener"] = settings.get("listener", [{"address": daemon.address, "role": "mx"}])
    daemon.write_settings(whole)
    done = daemon.command("reload")
    assert done.returncode == OK, done
    return done.stdout


def refusal(daemon: Daemon, address: str) -> str:
    with RawClient(daemon.host, daemon.port) as client:
        client.say_all("EHLO a.example", "MAIL FROM:<ann@sender.example>")
        return client.say(f"RCPT TO:<{address}>")


def test_domains_aliases_routes_and_networks_are_in_force_at_once_for_who_comes_now(tmp_path: Path) -> None:
    domain = {"ours.example": {"alias": {"info": "ann"}, "mailboxes": ["people"]}}
    table: dict[str, Any] = {"people": {"kind": "inline", "entries": {"ann": ""}}}
    with (
        Receiver() as before,
        Receiver() as after,
        running(
            tmp_path, relay={"networks": []}, route=[to(before.address)], domain=domain, table=table
        ) as daemon,
    ):
        send(daemon, to="info@ours.example")
        before.wait_for(1)
        with RawClient(daemon.host, daemon.port) as old:
            old.say_all("EHLO a.example", "MAIL FROM:<ann@sender.example>")
            assert refusal(daemon, "bob@ours.example").startswith("550 5.1.1")
            table["people"]["entries"] = {"bob": ""}
            domain = {"ours.example": {"alias": {"info": "bob"}, "mailboxes": ["people"]}, "more.example": {}}
            said = rewrite(
                daemon,
                relay={"networks": ["127.0.0.0/8"]},
                route=[to(after.address)],
                domain=domain,
                table=table,
            )
            assert said.startswith("in force now: ")
            for key in (
                'domain."more.example"',
                "relay.networks",
                "route[1].next_hop",
                "table.people.entries.ann",
            ):
                assert key in said
            assert "waits" not in said
            assert old.say("RCPT TO:<bob@ours.example>").startswith("550 5.1.1"), (
                "it began under the old rules"
            )
            assert old.say("RCPT TO:<bob@more.example>").startswith("550 5.7.1")
        for address in ("info@ours.example", "x@more.example", "y@anywhere.example"):
            send(daemon, to=address)
        found = after.wait_for(3)
        assert {one for mail in found for one in mail.recipients} == {
            "TO:<bob@ours.example> ORCPT=rfc822;info@ours.example",
            "TO:<x@more.example>",
            "TO:<y@anywhere.example>",
        }
        assert len(before.mail) == 1
        daemon.stop()
        assert daemon.errors() == []


def test_mail_that_waits_goes_by_the_new_route(tmp_path: Path) -> None:
    with Receiver() as after, running(tmp_path, route=[to("127.0.0.1:9")]) as daemon:
        send(daemon)
        daemon.wait_for("RecipientDeferred")
        rewrite(daemon, route=[to(after.address)])
        after.wait_for(1)
        daemon.wait_for_empty_queue()


def test_users_limits_and_the_log_change_under_way(tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    own = {"role": "submission", "auth_in_clear": True}
    with running(tmp_path, listener=[own], relay={"networks": []}, log={"level": "warning"}) as daemon:
        listener = [{"address": daemon.address, **own}]
        with smtplib.SMTP(daemon.host, daemon.port) as client:
            client.ehlo()
            assert not client.has_extn("auth")
        settings: dict[str, Any] = {"listener": listener, "relay": {"networks": []}, "users": {"file": users}}
        users.write_text("")
        users.chmod(0o600)
        said = rewrite(daemon, **settings, log={"level": "info"}, limits={"message_bytes": "1 MiB"})
        for key in ("users.file", "log.level", "limits.message_bytes"):
            assert key in said
        assert daemon.command("user", "add", ANN, "--stdin", stdin="correct horse battery\n").returncode == OK
        with smtplib.SMTP(daemon.host, daemon.port) as client:
            client.login(ANN, "correct horse battery")
            assert client.esmtp_features["size"] == "1048576"
            rewrite(daemon, listener=listener, relay={"networks": []})  # nobody can log in any more
            assert client.mail(ANN)[0] == 250, "whoever is in stays"
            with smtplib.SMTP(daemon.host, daemon.port) as late:
                late.ehlo()
                assert not late.has_extn("auth")
        assert daemon.wait_for("LoggedIn", user=ANN)
        daemon.stop()
        assert daemon.errors() == []


def test_a_listener_that_moves_waits_for_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        said = rewrite(
            daemon, listener=[{"address": "127.0.0.1:1", "role": "mx"}], relay={"networks": ["127.0.0.0/8"]}
        )
        assert said == "waits for a restart: listener[1].address\n"
        send(daemon)


def letters() -> Iterator[Letter]:
    for number in itertools.count(1):
        content = f"Subject: {number}\r\n\r\nhello\r\n".encode()
        yield Letter(number, "ann@sender.example", (f"n{number}@receiver.example",), content)


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_is_lost_or_sent_twice_by_reloads_under_load(tmp_path: Path, workers: int) -> None:
    arrived: Counter[str] = Counter()

    def count(mail: Mail) -> None:
        arrived.update(mail.recipients)

    async def reload_again_and_again(daemon: Daemon, client: LoadClient, hops: list[str]) -> None:
        for turn in range(8):
            client.allow(len(client.load.taken) + 300)
            route = [to(hops[turn % 2])]
            queue = {"window": {"most": 2 + turn, "start": 2, "sleep_first_s": "1s", "sleep_longest_s": "2s"}}
            await asyncio.to_thread(rewrite, daemon, workers=workers, route=route, queue=queue)
            await asyncio.sleep(PAUSE_S)

    with (
        Receiver(on_mail=count) as one,
        Receiver(on_mail=count) as two,
        running(tmp_path, workers=workers, route=[to(one.address)]) as daemon,
    ):
        daemon.wait_for("DaemonStarted", workers)
        client = LoadClient(daemon.host, daemon.port, letters(), sessions=10, most_taken=300)
        hops = [two.address, one.address]
        asyncio.run(under_load(client, lambda: reload_again_and_again(daemon, client, hops)))
        daemon.wait_for_empty_queue()
        assert len(client.load.taken) >= 300
        assert {f"TO:<n{number}@receiver.example>" for number in client.load.taken} <= set(arrived)
        assert set(arrived.values()) == {1}
        assert len(daemon.wait_for("SettingsReloaded", 8 * workers)) == 8 * workers
        daemon.stop()
        assert daemon.errors() == []
