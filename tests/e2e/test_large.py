"""Large messages pass through a process that stays small."""

import hashlib
import smtplib
from pathlib import Path

import pytest
from tests.support.daemon import running, to
from tests.support.letters import ANN, BOB, send
from tests.support.peers.exim import exim
from tests.support.receiver import Mail, Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MEGABYTE = 1024**2
MOST_GROWTH_KIB = 30 * 1024


def large(megabytes: int) -> bytes:
    line = b".A line that begins with a dot, as one in a thousand does, and goes on for a while\r\n"
    return b"Subject: large\r\n\r\n" + line * (megabytes * MEGABYTE // len(line))


def test_twenty_megabytes_pass_and_memory_stays_flat(tmp_path: Path) -> None:
    digests: list[str] = []
    content = large(20)

    def keep(mail: Mail) -> None:
        digests.append(hashlib.sha256(mail.below_trace).hexdigest())

    with Receiver(on_mail=keep) as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        send(daemon)
        daemon.wait_for("RecipientDelivered")
        before = daemon.peak_memory_kib()
        for _ in range(3):
            send(daemon, content)
        daemon.wait_for("RecipientDelivered", 4)
        growth = daemon.peak_memory_kib() - before
        print(f"three messages of 20 MB: peak memory grew by {growth} KiB from {before} KiB")
        assert growth < MOST_GROWTH_KIB
        assert digests[1:] == [hashlib.sha256(content).hexdigest()] * 3
        daemon.wait_for_empty_queue()
        # Nothing of them is left in the spool: content files go with their messages.
        daemon.stop()
        left = sum(file.stat().st_size for file in daemon.spool.rglob("*") if file.is_file())
        assert left < 5 * MEGABYTE


def test_twenty_megabytes_by_chunks_both_ways(tmp_path: Path) -> None:
    content = large(20)
    with (
        exim(accept=("receiver.example",)) as server,
        running(tmp_path, route=[to(server.address)]) as daemon,
    ):
        with smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client:
            client.ehlo()
            client.mail(ANN)
            client.rcpt(BOB)
            for at in range(0, len(content), MEGABYTE):
                chunk = content[at : at + MEGABYTE]
                client.putcmd(f"BDAT {len(chunk)}{' LAST' if at + MEGABYTE >= len(content) else ''}")
                client.send(chunk)
                assert client.getreply()[0] == 250
        (kept,) = server.wait_for_mail(1)
        assert kept.endswith(content.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n"))
