"""Several workers under one supervisor: one server to clients and to the operator, whatever becomes of one of them."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.daemon import Daemon, is_alive, running, to
from tests.support.load_client import Letter, Load, LoadClient, under_load
from tests.support.peers.processes import PAUSE_S, free_port
from tests.support.receiver import Mail, Receiver
from tests.support.waiting import WAIT_S, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NOWHERE = to("127.0.0.1:9")  # "discard": refuses at once, so that mail waits


def letters(first: int = 1) -> Iterator[Letter]:
    for number in itertools.count(first):
        content = f"Subject: {number}\r\n\r\nhello\r\n".encode()
        yield Letter(number, "ann@sender.example", (f"n{number}@receiver.example",), content)


def all_started(daemon: Daemon, count: int = 2) -> None:
    """Wait for the last of the workers."""
    daemon.wait_for("DaemonStarted", count)


@contextlib.contextmanager
def session(daemon: Daemon, before: bytes = b"") -> Iterator[bytes]:
    """Open a session and give its greeting, or what stands in its place."""
    with socket.create_connection((daemon.host, daemon.port), timeout=WAIT_S) as sock:
        sock.sendall(before)
        yield sock.makefile("rb").readline()


def send(daemon: Daemon, count: int, sessions: int = 10, first: int = 1) -> Load:
    """Have *count* letters taken over so many sessions at one time, from number *first* on."""

    async def enough(client: LoadClient) -> None:
        while len(client.load.taken) < count:
            await asyncio.sleep(PAUSE_S)

    async def scenario() -> Load:
        client = LoadClient(daemon.host, daemon.port, letters(first), sessions=sessions, most_taken=count)
        await under_load(client, lambda: enough(client))
        return client.load

    return asyncio.run(scenario())


def send_to_both(daemon: Daemon, count: int) -> set[int]:
    """Have letters taken, *count* or more, by each of two workers some; return their numbers.

    On a machine with other things to do a worker may sleep while the other takes every session of a client.
    """
    load = send(daemon, count)
    taken = set(load.taken)
    while len({event["worker"] for event in daemon.wait_for("MessageAccepted", len(taken))}) < 2:
        load = send(daemon, 10, first=max(load.sent) + 1)
        taken |= load.taken
    return taken


def test_mail_is_spread_over_the_workers_and_arrives_exactly_once(tmp_path: Path) -> None:
    arrived: Counter[str] = Counter()

    def count(mail: Mail) -> None:
        arrived.update(mail.recipients)

    with (
        Receiver(on_mail=count) as receiver,
        running(tmp_path, workers=2, route=[to(receiver.address)], log={"level": "info"}) as daemon,
    ):
        all_started(daemon)
        taken = send_to_both(daemon, 300)
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert {f"TO:<n{number}@receiver.example>" for number in taken} <= set(arrived)
        assert set(arrived.values()) == {1}
        accepted = Counter(event["worker"] for event in daemon.events("MessageAccepted"))
        assert set(accepted) == {0, 1}
        sessions = Counter(event["worker"] for event in daemon.events("SessionClosed"))
        assert sum(sessions.values()) >= 10
        assert set(sessions) == {0, 1}
        ids = {event["queue_id"] for event in daemon.events("MessageAccepted")}
        assert len(ids) == sum(accepted.values())
        assert daemon.errors() == []
        assert len(daemon.events("DaemonStopped")) == 2
        assert all(line.startswith("{") and line.endswith("}") for line in daemon.log().splitlines())


def test_the_operator_sees_one_server(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, route=[NOWHERE]) as daemon:
        all_started(daemon)
        sent = len(send_to_both(daemon, 40))
        assert len(daemon.queue()) == sent
        status = json.loads(daemon.command("status", "--json").stdout)
        assert (status["pid"], status["items"]) == (daemon.pid, sent)
        assert [row["worker"] for row in status["workers"]] == [0, 1]
        assert [row["pid"] for row in status["workers"]] == daemon.worker_pids()
        assert all(row["items"] for row in status["workers"])
        words = daemon.command("status", "--workers").stdout
        assert f"process {daemon.pid}" in words
        assert "workers     2\n" in words
        (row,) = map(json.loads, daemon.command("queue", "stats", "--json").stdout.splitlines())
        assert row["items"] == sent
        one, *_, last = daemon.queue()
        assert daemon.command("queue", "hold", one["queue_id"], last["queue_id"]).stdout == "Held: 2 items.\n"
        assert (
            daemon.command("queue", "hold", "--domain", "receiver.example").stdout
            == f"Held: {sent - 2} items.\n"
        )
        assert len(daemon.queue("--held")) == sent
        daemon.stop()
        assert len(daemon.queue("--held")) == sent  # straight from the stored queues
        daemon.start()
        assert daemon.command("queue", "delete", "--all", "--yes").returncode == 0
        daemon.wait_for_empty_queue()


def test_a_worker_that_is_killed_under_load_is_replaced_and_nothing_that_was_taken_is_lost(
    tmp_path: Path,
) -> None:
    arrived: Counter[str] = Counter()

    def count(mail: Mail) -> None:
        arrived.update(mail.recipients)

    async def kill_one_after_the_other(daemon: Daemon, client: LoadClient) -> None:
        for turn in range(4):
            client.allow(len(client.load.taken) + 500)
            await asyncio.sleep(0.7)
            pids = daemon.worker_pids()
            os.kill(pids[turn % len(pids)], signal.SIGKILL)
            await asyncio.to_thread(daemon.wait_for, "WorkerEnded", turn + 1)
            await asyncio.to_thread(daemon.wait_for, "DaemonStarted", turn + 3)

    with (
        Receiver(on_mail=count) as receiver,
        running(tmp_path, workers=2, route=[to(receiver.address)], log={"level": "info"}) as daemon,
    ):
        all_started(daemon)
        client = LoadClient(daemon.host, daemon.port, letters(), sessions=10, most_taken=500)
        asyncio.run(under_load(client, lambda: kill_one_after_the_other(daemon, client)))
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert len(client.load.taken) > 100
        assert {f"TO:<n{number}@receiver.example>" for number in client.load.taken} <= set(arrived)
        assert client.load.refused == {}
        assert {event["event"] for event in daemon.errors()} == {"WorkerEnded"}
        assert {event["how"] for event in daemon.errors()} == {"SIGKILL"}


def test_sigterm_under_load_ends_all_in_good_order(tmp_path: Path) -> None:
    arrived: Counter[str] = Counter()

    def count(mail: Mail) -> None:
        arrived.update(mail.recipients)

    async def stop_and_start(daemon: Daemon, client: LoadClient) -> None:
        for _ in range(2):
            client.allow(len(client.load.taken) + 500)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(daemon.stop)
            await asyncio.to_thread(daemon.start)

    with (
        Receiver(on_mail=count) as receiver,
        running(tmp_path, workers=2, route=[to(receiver.address)], log={"level": "warning"}) as daemon,
    ):
        client = LoadClient(daemon.host, daemon.port, letters(), sessions=10, most_taken=500)
        asyncio.run(under_load(client, lambda: stop_and_start(daemon, client)))
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert {f"TO:<n{number}@receiver.example>" for number in client.load.taken} <= set(arrived)
        assert set(arrived.values()) == {1}
        assert all(reply.startswith(("421", "[b'421")) for reply in client.load.refused.values())
        assert daemon.errors() == []


def test_while_all_finish_no_client_is_kept_waiting(tmp_path: Path) -> None:
    """Who is in the middle of a message may end it; who comes is refused at once, and tries another MX."""
    with running(tmp_path, workers=2, route=[NOWHERE]) as daemon:
        all_started(daemon)
        with socket.create_connection((daemon.host, daemon.port), timeout=WAIT_S) as sock:
            stream = sock.makefile("rwb")

            def say(line: bytes) -> bytes:
                stream.write(line + b"\r\n")
                stream.flush()
                return stream.readline()

            stream.readline()
            assert say(b"HELO client.example").startswith(b"250")
            assert say(b"MAIL FROM:<ann@sender.example>").startswith(b"250")
            os.kill(daemon.pid, signal.SIGTERM)

            def is_refused() -> bool:
                try:
                    socket.create_connection((daemon.host, daemon.port), timeout=WAIT_S).close()
                except ConnectionRefusedError:
                    return True
                return False

            until(is_refused, "a new client is refused")
            assert any(map(is_alive, daemon.worker_pids()))
            assert say(b"RCPT TO:<bob@receiver.example>").startswith(b"250")
            assert say(b"DATA").startswith(b"354")
            assert say(b"Subject: late\r\n\r\nhello\r\n.").startswith(b"250")
        daemon.stop()
        assert len(daemon.queue()) == 1


def with_workers(daemon: Daemon, count: int) -> None:
    """Start *daemon*, which does not run, with so many workers."""
    lines = daemon.config.read_text().splitlines()
    lines = [line for line in lines if not line.startswith("workers")]
    daemon.config.write_text("\n".join([f"workers = {count}", *lines]) + "\n")
    daemon.start()


def test_another_number_of_workers_keeps_every_message_and_every_hold(tmp_path: Path) -> None:
    """From 1 to 3 to 1: what the others have left is tried until it is gone, and then there is one process again."""
    arrived: Counter[str] = Counter()

    def count(mail: Mail) -> None:
        arrived.update(mail.recipients)

    hop = free_port()
    with running(tmp_path, workers=1, route=[to(f"127.0.0.1:{hop}")], log={"level": "info"}) as daemon:
        assert daemon.worker_pids() == []
        assert daemon.command("queue", "hold", "--sender", "eve@bad.example").returncode == 0
        sent = len(send(daemon, 20).taken)
        daemon.stop()
        with_workers(daemon, 3)
        all_started(daemon, 4)
        sent += len(send(daemon, 60, sessions=12).taken)
        assert len(daemon.queue()) == sent
        # The hold of worker 0 holds for those that came later.
        rules = [
            line
            for line in (daemon.command("queue", "list").stdout).splitlines()
            if line.startswith("-- held as it comes")
        ]
        assert rules == ["-- held as it comes: sender eve@bad.example"]
        expected = {row["address"] for item in daemon.queue() for row in item["recipients"]}
        total = len(daemon.queue())
        daemon.stop()
        per_spool = [(tmp_path / "spool" / name / "spool.db").exists() for name in ("worker-1", "worker-2")]
        assert per_spool == [True, True]
        assert len(daemon.queue()) == total  # the stored queue of all
        with_workers(daemon, 1)
        all_started(daemon, 4 + 3)
        assert len(daemon.queue()) == total
        words = daemon.command("status").stdout
        assert "takes no mail and empties its spool" in words
        with Receiver(on_mail=count, port=hop):
            daemon.command("queue", "retry", "--all")
            daemon.wait_for_empty_queue()
            daemon.wait_for("SpoolDrained", 2)
        until(lambda: len(daemon.worker_pids()) == 1, "the two that emptied spools are gone")
        assert {argument.removeprefix("TO:<").removesuffix(">") for argument in arrived} == expected
        assert sum(arrived.values()) == total
        assert "workers     1\n" in daemon.command("status").stdout
        daemon.stop()
        daemon.start()
        assert daemon.worker_pids() == []  # nothing is left over: one process, no supervisor
        assert daemon.queue() == []
        daemon.stop()
        with_workers(daemon, 2)
        assert daemon.queue() == []
        assert daemon.errors() == []


def test_limits_hold_over_all_workers_together(tmp_path: Path) -> None:
    listener = {"proxy_protocol": True, "proxy_from": ["127.0.0.0/8"]}
    limits = {"connections": 9, "connections_per_client": 4, "connections_per_minute": 8}
    daemon = Daemon(tmp_path, {"workers": 2, "listener": [listener], "limits": limits})

    def header(client: str) -> bytes:
        return f"PROXY TCP4 {client} 192.0.2.99 1024 25\r\n".encode()

    daemon.launch()
    try:
        all_started(daemon)
        with contextlib.ExitStack() as stack:
            greetings = [stack.enter_context(session(daemon, header("192.0.2.1"))) for _ in range(6)]
            assert [line[:3] for line in greetings] == [b"220"] * 4 + [b"421"] * 2
            others = [stack.enter_context(session(daemon, header(f"198.51.100.{n}"))) for n in range(6)]
            assert [line[:3] for line in others] == [b"220"] * 5 + [b"421"]
            opened = Counter(event["worker"] for event in daemon.events("SessionOpened"))
            assert set(opened) == {0, 1}
        # Eight in a minute: four came, and two were refused for another reason before they counted.
        until(lambda: len(daemon.events("SessionClosed")) == 9, "nine sessions closed")
        replies = []
        for _ in range(8):
            with session(daemon, header("192.0.2.1")) as line:
                replies.append(line[:3])
        assert replies[:4] == [b"220"] * 4
        assert replies[-1] == b"421"
    finally:
        daemon.end()


def test_the_workers_end_in_good_order_when_the_supervisor_is_gone(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, route=[NOWHERE]) as daemon:
        all_started(daemon)
        pids = daemon.worker_pids()
        os.kill(daemon.pid, signal.SIGKILL)
        until(lambda: not any(map(is_alive, pids)), "the workers have ended")
        reasons = [event["reason"] for event in daemon.events("DaemonStopping")]
        assert reasons == ["the supervisor is gone"] * 2
        assert len(daemon.events("DaemonStopped")) == 2


def test_a_hang_up_reaches_every_worker(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as daemon:
        all_started(daemon)
        daemon.hang_up()
        found = daemon.wait_for("SettingsReloaded", 2)
        assert {event["worker"] for event in found} == {0, 1}
        assert daemon.command("reload").returncode == 0
        assert len(daemon.wait_for("SettingsReloaded", 4)) == 4


def test_certificates_and_findings_are_those_of_all_workers(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, tls={"self_signed": True}) as daemon:
        all_started(daemon)
        (row,) = map(json.loads, daemon.command("certificate", "show", "--json").stdout.splitlines())
        assert row["workers"] == [0, 1]
        os.kill(daemon.worker_pids()[1], signal.SIGSTOP)
        try:
            (finding,) = map(
                json.loads, daemon.command("doctor", "--only", "server", "--json").stdout.splitlines()
            )
        finally:
            os.kill(daemon.worker_pids()[1], signal.SIGCONT)
        assert finding["what"] == "worker 1 does not answer"


def test_what_is_wrong_is_told_once_and_ends_all(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as daemon:
        all_started(daemon)
        home = tmp_path / "second"
        home.mkdir()
        second = Daemon(home, {"workers": 2, "spool": {"path": daemon.spool}})
        program = second.launch()
        try:
            assert program.wait(WAIT_S) == 75
        finally:
            second.end()
        assert second.log().count("is in use by process") == 1


GIVE_SOCKET = """
import os, socket, sys
port, *command = sys.argv[1:]
sock = socket.create_server(("127.0.0.1", int(port)))
os.dup2(sock.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execvp(command[0], command)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_sockets_come_from_a_service_manager(workers: int, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, {"workers": workers, "route": [NOWHERE]})
    daemon.under = (sys.executable, "-c", GIVE_SOCKET, str(daemon.port))
    try:
        daemon.start()
        sent = len(send(daemon, 10).taken)
        assert len(daemon.queue()) == sent
        daemon.stop()
        assert daemon.errors() == []
    finally:
        daemon.end()


def test_the_file_of_a_unix_socket_stays_while_a_worker_is_replaced_and_goes_at_the_end(
    tmp_path: Path,
) -> None:
    file = tmp_path / "in.sock"
    listeners = [{}, {"address": f"unix:{file}", "role": "internal"}]
    with running(tmp_path, workers=2, listener=listeners) as daemon:
        all_started(daemon)
        os.kill(daemon.worker_pids()[1], signal.SIGKILL)
        all_started(daemon, 3)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(file))
            assert sock.makefile("rb").readline().startswith(b"220 ")
        daemon.stop()
        assert not file.exists()
