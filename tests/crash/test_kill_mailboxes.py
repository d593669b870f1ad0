"""A66: the daemon is killed while it delivers into mailboxes; each message is there once in the Maildir, and in the mbox at least once and whole."""

import contextlib
import mailbox
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.support.daemon import Daemon, running
from tests.support.letters import letter, send

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ME = {"user": "root"} if os.geteuid() == 0 else {}
KILLS = 6
A_ROUND = 25
TEXT = "A line of it.\n" * 300


def give(daemon: Daemon, numbers: range) -> list[int]:
    """Send messages to both mailboxes; return those that were taken."""
    taken = []
    for number in numbers:
        with contextlib.suppress(OSError):  # smtplib's errors, too: it was killed
            send(
                daemon,
                letter(f"{number}", TEXT, to="a@home.example"),
                to=["a@home.example", "b@old.example"],
            )
            taken.append(number)
    return taken


def test_every_message_is_in_its_mailbox_after_kills(tmp_path: Path) -> None:
    rng, taken = random.Random(7), list[int]()
    domain = {"home.example": {"deliver": "maildir"}, "old.example": {"deliver": "mbox"}}
    agent = {
        "maildir": {"kind": "maildir", "path": f"{tmp_path}/maildir", **ME},
        "mbox": {"kind": "mbox", "path": f"{tmp_path}/mbox", **ME},
    }
    with running(tmp_path, domain=domain, agent=agent) as daemon:
        for kill in range(KILLS):
            taken += give(daemon, range(kill * A_ROUND, (kill + 1) * A_ROUND))
            time.sleep(rng.random() / 20)
            daemon.kill()
            daemon.start()  # which finds the lock of the one before, and knows that it is dead
        daemon.wait_for_empty_queue(60)
        daemon.stop()
    maildir = Counter(str(one["Subject"]) for one in mailbox.Maildir(str(tmp_path / "maildir"), create=False))
    with contextlib.closing(mailbox.mbox(str(tmp_path / "mbox"), create=False)) as box:
        found = list(box)
    mbox = Counter(str(one["Subject"]) for one in found)
    assert len(taken) > KILLS * A_ROUND // 2
    for number in map(str, taken):
        assert maildir[number] == 1, number
        assert mbox[number] >= 1, number
    assert all(str(one.get_payload()).rstrip("\n") == TEXT.rstrip("\n") for one in found)
    assert os.listdir(tmp_path / "maildir" / "tmp") == []


def test_workers_share_an_mbox_and_a_maildir(tmp_path: Path) -> None:
    """Two processes lock against one another, and their files have different names."""
    domain = {"home.example": {"deliver": "maildir"}, "old.example": {"deliver": "mbox"}}
    agent = {
        "maildir": {"kind": "maildir", "path": f"{tmp_path}/maildir", "quota": "1 GiB", **ME},
        "mbox": {"kind": "mbox", "path": f"{tmp_path}/mbox", **ME},
    }
    with running(tmp_path, domain=domain, agent=agent, workers=2) as daemon:
        taken = give(daemon, range(60))
        daemon.wait_for("RecipientDelivered", 120, timeout_s=60)
        daemon.stop()
        assert daemon.errors() == []
    with contextlib.closing(mailbox.mbox(str(tmp_path / "mbox"), create=False)) as box:
        assert sorted(int(one["Subject"]) for one in box) == taken
    inside = mailbox.Maildir(str(tmp_path / "maildir"), create=False)
    assert sorted(int(one["Subject"]) for one in inside) == taken
    lines = (tmp_path / "maildir" / "maildirsize").read_text().splitlines()
    assert sum(int(line.split()[1]) for line in lines[1:]) == 60
