"""Mail as people read it: by IMAP from a Dovecot that got it by LMTP or shares a Maildir with us, and with s-nail from our mailboxes."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.daemon import running, to
from tests.support.letters import letter, send
from tests.support.peers import programs
from tests.support.peers.dovecot import Store, dovecot_store
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

BOB, EVE = "bob@home.example", "eve@home.example"
NOBODY = 65534
ME = {"user": "root"} if os.geteuid() == 0 else {}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with dovecot_store({BOB: "secret", EVE: "secret"}) as one:
        yield one


def subjects(store: Store, user: str, folder: str = "INBOX") -> list[str]:
    """Read the subjects of all messages by IMAP."""
    with store.imap(user) as client:
        assert client.select(folder, readonly=True)[0] == "OK"
        _, found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return sorted(
            part[1].decode().removeprefix("Subject: ").strip() for part in found if isinstance(part, tuple)
        )


@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_dovecot_takes_mail_by_lmtp_and_shows_it_by_imap(store: Store, way: str, tmp_path: Path) -> None:
    next_hop = f"unix:{store.lmtp_socket}" if way == "unix" else f"127.0.0.1:{store.lmtp_port}"
    domain = {"home.example": {"relay_to": next_hop, "lmtp": True}}
    with (
        Receiver() as senders,
        running(tmp_path, domain=domain, route=[to(senders.address, "sender.example")]) as daemon,
    ):
        send(daemon, letter(f"by {way}", to=BOB), to=[BOB, EVE, "gone@home.example"])
        daemon.wait_for("RecipientDelivered", 2, destination=f"host:{next_hop};lmtp")
        assert f"by {way}" in subjects(store, BOB)
        assert f"by {way}" in subjects(store, EVE)
        (notice,) = senders.wait_for(1)  # one answer for each recipient
        assert b"gone@home.example" in notice.content
        assert b"bob@home.example" not in notice.content.partition(b"message/rfc822")[0]
        daemon.stop()
        assert daemon.errors() == []


def test_a_maildir_of_ours_is_shown_by_dovecot_with_its_folders(store: Store, tmp_path: Path) -> None:
    with store.imap(BOB) as client:
        assert client.create("News")[0] == "OK"
    agent = {
        "kind": "maildir",
        "path": f"{store.mail}/{{domain}}/{{local_part}}",
        "user": str(NOBODY),
        "folders": True,
        "quota": "1 MiB",
    }
    domain = {"home.example": {"deliver": "store"}}
    with running(tmp_path, domain=domain, agent={"store": agent}) as daemon:
        for address, subject in ((BOB, "straight"), ("bob+news@home.example", "to a folder")):
            send(daemon, letter(subject, to=address), to=address)
        daemon.wait_for("RecipientDelivered", 2, destination="agent:store")
        assert "straight" in subjects(store, BOB)
        assert subjects(store, BOB, "News") == ["to a folder"]
        sizes = (store.mail / "home.example" / "bob" / "maildirsize").read_text().splitlines()
        assert sizes[0] == f"{1024**2}S"


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_s_nail_reads_what_we_deliver(kind: str, tmp_path: Path) -> None:
    tree = programs.need("s-nail")
    agent = {"kind": kind, "path": f"{tmp_path}/mail/{{local_part}}", **ME}
    with running(tmp_path, domain={"home.example": {"deliver": "box"}}, agent={"box": agent}) as daemon:
        send(daemon, letter("first", "From here on\n", to=BOB), to=BOB)
        send(daemon, letter("second", to=BOB), to=BOB)
        daemon.wait_for("RecipientDelivered", 2)

    def read(*arguments: str) -> str:
        place = f"{'maildir://' if kind == 'maildir' else ''}{tmp_path}/mail/bob"
        done = subprocess.run(
            [tree.program("usr/bin/s-nail"), "-n", "-R", "-f", *arguments, place],
            input="type 1\nquit\n" if not arguments else "",
            capture_output=True, text=True, timeout=30, check=False,
            env={**tree.environment(), "HOME": str(tmp_path), "TERM": "dumb"},
        )  # fmt: skip
        return done.stdout + done.stderr

    listed = read("-H")
    assert "first" in listed
    assert "second" in listed
    assert "A line." in read() or "From here on" in read()
