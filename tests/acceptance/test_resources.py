"""ACCEPTANCE §3, A68, A73: the real daemon as a process whose descriptors run out, or whose disk is full."""

import os
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.letters import letter, send, wire
from tests.support.raw_client import RawClient
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LARGE = "x" * 70 + "\n"


def cpu_s(daemon: Daemon) -> float:
    """Return the processor time the daemon has used."""
    fields = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limit_descriptors(daemon: Daemon, spare: int) -> None:
    """Let the daemon open only so many descriptors more than it has now."""
    now = max(int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd"))
    _, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (now + 1 + spare, hard))


def test_a73_without_descriptors_the_daemon_rests_keeps_what_it_has_and_recovers(tmp_path: Path) -> None:
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        before = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        first = RawClient(daemon.host, daemon.port)
        limit_descriptors(daemon, 2)
        # The system lets them all in; most are then left waiting there.
        crowd = [socket.create_connection((daemon.host, daemon.port)) for _ in range(20)]
        daemon.wait_for("AcceptRested")
        used_s = cpu_s(daemon)
        time.sleep(1)
        assert cpu_s(daemon) - used_s < 0.5, "a busy loop"
        first.say_all(
            "EHLO client.example", "MAIL FROM:<ann@sender.example>", "RCPT TO:<bob@receiver.example>"
        )
        first.say("DATA")
        first.send(wire(letter("in want", LARGE * 6000)))  # wants a file of its own
        assert first.say(b".")[:3] in ("250", "451", "452")
        first.close()
        for connection in crowd:
            connection.close()
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
        send(daemon, letter("in plenty", LARGE * 6000))
        daemon.wait_for_empty_queue()
        assert any(b"in plenty" in mail.content for mail in receiver.mail)
        assert daemon.events("ContentDamaged") == []
        daemon.stop()


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit (util-linux) is missing")
def test_a73_a_soft_limit_of_descriptors_is_raised_to_the_hard_one(tmp_path: Path) -> None:
    under = ("prlimit", "--nofile=64:1024")
    with running(tmp_path, under=under, limits={"connections": 200}) as daemon:
        crowd = [RawClient(daemon.host, daemon.port) for _ in range(150)]
        assert {client.greeting[:3] for client in crowd} == {"220"}
        for client in crowd:
            client.close()
        assert daemon.events("AcceptRested") == []
        assert daemon.events("SessionsBounded") == []
        daemon.stop()


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit (util-linux) is missing")
def test_a39_a73_a_crowd_leaves_enough_descriptors_for_queued_mail_to_go_out(tmp_path: Path) -> None:
    with (
        Receiver() as receiver,
        running(tmp_path, under=("prlimit", "--nofile=128:128"), route=[to(receiver.address)]) as daemon,
    ):
        (told,) = daemon.wait_for("SessionsBounded")
        assert (told["asked"], told["most"], told["descriptors"]) == (10_000, 64, 128)
        honest = RawClient(daemon.host, daemon.port)
        crowd = [RawClient(daemon.host, daemon.port) for _ in range(63)]
        with RawClient(daemon.host, daemon.port) as late:
            assert late.greeting.startswith("421 4.3.2")
        honest.say_all(
            "EHLO client.example", "MAIL FROM:<ann@sender.example>", "RCPT TO:<bob@receiver.example>", "DATA"
        )
        honest.send(wire(letter("among many", LARGE * 6000)))
        assert honest.say(b".").startswith("250")
        assert b"among many" in receiver.wait_for(1)[0].content
        for client in (*crowd, honest):
            client.close()
        assert daemon.events("AcceptRested") == []
        daemon.stop()


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit (util-linux) is missing")
def test_a73_settings_that_are_read_again_have_the_bound_of_the_start(tmp_path: Path) -> None:
    """Else `limits.connections`, which nobody touched, would be told as changed and waiting for a restart."""
    with running(tmp_path, under=("prlimit", "--nofile=128:128")) as daemon:
        assert daemon.wait_for("SessionsBounded")
        assert daemon.command("reload").returncode == 0
        (told,) = daemon.wait_for("SettingsReloaded")
        assert not told.get("waiting")
        daemon.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 8 MB, where a disk can really be full."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(place)],
        check=False,
        capture_output=True,
    )
    if done.returncode != 0:
        pytest.skip("a full disk is played with a tmpfs, which needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a68_a69_a_disk_that_is_really_full_refuses_and_goes_on_when_there_is_room(
    small_disk: Path, tmp_path: Path
) -> None:
    spool = {"path": str(small_disk / "spool"), "reserve_bytes": 0, "reserve_share": 0.0, "reserve_inodes": 0}
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)], spool=spool) as daemon:
        send(daemon, letter("before"))
        receiver.wait_for(1)
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"0" * 4096)
            except OSError:
                pass
        replies = set()
        for number in range(8):
            with RawClient(daemon.host, daemon.port) as client:
                client.say_all("EHLO client.example")
                if client.say("MAIL FROM:<ann@sender.example>")[:3] == "452":
                    replies.add("452")
                    continue
                client.say_all("RCPT TO:<bob@receiver.example>")
                client.say("DATA")
                client.send(wire(letter("full", LARGE * (6000 if number % 2 else 3000))))
                replies.add(client.say(b".")[:9])
        assert replies <= {"452", "452 4.3.1", "451 4.3.0"}, replies
        assert len(receiver.mail) == 1
        ballast.unlink()
        time.sleep(1.2)  # free space is asked for once a second
        send(daemon, letter("after", LARGE * 6000))
        daemon.wait_for_empty_queue()
        assert any(b"after" in mail.content for mail in receiver.mail)
        assert len(receiver.mail) == 2
        assert not daemon.events("SpoolBroken")
        daemon.stop()
