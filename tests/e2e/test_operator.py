"""An operator at work: the program against a running server, over its socket."""

import json
import stat
from pathlib import Path

import pytest
from tests.support.daemon import Daemon, mailrail, running, to

pytestmark = [pytest.mark.e2e]

NOWHERE = to("127.0.0.1:9")  # "discard": refuses at once, so that mail waits


def give(daemon: Daemon, sender: str = "ann@sender.example", recipient: str = "bob@receiver.example") -> None:
    done = mailrail(
        "send",
        "--server",
        daemon.address,
        "--from",
        sender,
        "--to",
        recipient,
        "--subject",
        "hi",
        stdin="hello\n",
    )
    assert done.returncode == 0, done.stderr
    assert "Queued as" in done.stdout


def test_the_queue_of_a_running_server_is_seen_and_changed(tmp_path: Path) -> None:
    with running(tmp_path, route=[NOWHERE]) as daemon:
        give(daemon)
        give(daemon, sender="<>", recipient="carol@other.example")
        daemon.wait_for("RecipientDeferred", 2)
        assert len(daemon.queue()) == 2
        assert daemon.command("queue", "hold", "--domain", "receiver.example").stdout == "Held: 1 item.\n"
        (held,) = daemon.queue("--held")
        assert held["recipients"][0]["address"] == "bob@receiver.example"
        assert "bob@receiver.example" in daemon.command("queue", "show", held["queue_id"]).stdout
        assert "host:127.0.0.1:9" in daemon.command("queue", "stats").stdout
        assert daemon.command("queue", "release", "--all").stdout == "Released: 1 item.\n"
        assert daemon.command("queue", "delete", "--sender", "<>", "--yes").stdout == "Deleted: 1 item.\n"
        assert len(daemon.queue()) == 1
        acted = daemon.wait_for("OperatorActed", 3)
        assert {event["verb"] for event in acted} == {"hold", "release", "delete"}


def test_a_bounce_becomes_a_notice_to_the_sender(tmp_path: Path) -> None:
    with running(tmp_path, route=[NOWHERE]) as daemon:
        give(daemon)
        daemon.wait_for("RecipientDeferred")
        (before,) = daemon.queue()
        assert daemon.command("queue", "bounce", before["queue_id"]).returncode == 0
        daemon.wait_for("RecipientFailed")
        (notice,) = daemon.queue()
        assert notice["sender"] == "<>"
        assert notice["recipients"][0]["address"] == "ann@sender.example"


def test_status_and_the_mode_of_the_socket(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        found = json.loads(daemon.command("status", "--json").stdout)
        assert found["pid"] == daemon.pid
        assert found["listeners"] == [daemon.address]
        assert f"process {daemon.pid}, up " in daemon.command("status").stdout
        assert stat.S_IMODE((daemon.spool / "admin.sock").stat().st_mode) == 0o600


def test_the_queue_of_a_stopped_server_is_the_same_queue(tmp_path: Path) -> None:
    with running(tmp_path, route=[NOWHERE]) as daemon:
        give(daemon)
        daemon.wait_for("RecipientDeferred")
        before = [row["queue_id"] for row in daemon.queue()]
        daemon.stop()
        assert [row["queue_id"] for row in daemon.queue()] == before
        assert daemon.command("queue", "hold", "--all").stdout == "Held: 1 item.\n"
        daemon.start()
        assert daemon.queue()[0]["held"] is True
