"""mbox: locks, the From_ line, "From " quoted, and what half a message is worth."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.agents.desk import Desk, letter, put, read, replies

from mailrail.agents.deposit import LockedError, Order
from mailrail.agents.grounds import Grounds
from mailrail.agents.mbox import MboxDeposit, from_line
from mailrail.agents.settings import AgentSettings
from mailrail.message import date_text
from mailrail.model import Blame, Deferred, parse_address
from mailrail.sim import START_US, Mount, SimDisk, seeded, simulate
from mailrail.spool import SMALL_BYTES, Disk, SystemDisk

BOB = "bob@example.org"
GOOD = "Delivered 250 2.0.0"
BOX = Path("/mail/bob")
LOCK = Path("/mail/bob.lock")
FRONT = b"From ann@example.com  Sun Jun 15 15:06:40 2025\nReturn-Path: <ann@example.com>\nDelivered-To: bob@example.org\n"


def box(**more: object) -> AgentSettings:
    return AgentSettings.model_validate({"kind": "mbox", "path": "/mail/{local_part}", **more})


def unquoted(content: bytes) -> list[bytes]:
    """Read an mbox as a mail program does: split at From_ lines, one ">" taken off."""
    messages: list[list[bytes]] = []
    for line in content.split(b"\n")[:-1]:
        if line.startswith(b"From ") or not messages:  # what begins otherwise is torn, and still a message
            messages.append([])
        if not line.startswith(b"From "):
            is_quoted = line.lstrip(b">").startswith(b"From ")
            messages[-1].append(line[1:] if is_quoted else line)
    return [b"\n".join(lines) for lines in messages]


@pytest.mark.parametrize("real", [False, True])
def test_messages_stand_one_after_the_other(real: bool, tmp_path: Path) -> None:
    disk: Disk = SystemDisk() if real else Mount(SimDisk(seeded()))
    path = tmp_path / "bob" if real else BOX
    desk = Desk(box(path=str(path)), disk)
    assert replies(desk.deliver(BOB)) == [GOOD]
    assert replies(desk.deliver(BOB, content=b"Subject: no end of line\r\n\r\n>From x", number=2)) == [GOOD]
    assert read(disk, path) == (
        FRONT + b"From: ann@example.com\nSubject: x\n\nhello\n>From here on\n\n"
        + FRONT + b"Subject: no end of line\n\n>>From x\n\n"
    )  # fmt: skip
    assert disk.names(path.parent) == ["bob"], "the dot-lock is gone"


@given(
    lines=st.lists(
        st.sampled_from([b"From x", b">From x", b">>From ", b"From", b"a From x", b"", b"x" * 90_000])
    )
)
def test_every_line_comes_back_as_it_was(lines: list[bytes]) -> None:
    content = b"Subject: x\r\n\r\n" + b"".join(line + b"\r\n" for line in lines)
    desk = Desk(box())
    desk.deliver(BOB, content=content)
    (found,) = unquoted(read(desk.disk, BOX))
    assert found.partition(b"\n\n")[2].split(b"\n")[: len(lines)] == lines


def test_a_large_message_is_quoted_across_pieces() -> None:
    line = b"From x\r\n"
    content = b"Subject: x\r\n\r\n" + line * (2 * SMALL_BYTES // len(line))
    desk = Desk(box())
    assert replies(desk.deliver(BOB, content=content)) == [GOOD]
    assert read(desk.disk, BOX).count(b"\n>From x") == 2 * SMALL_BYTES // len(line)


def test_the_null_reverse_path_is_mailer_daemon() -> None:
    assert from_line(None, date_text(START_US)) == b"From MAILER-DAEMON  Sun Jun 15 15:06:40 2025\n"
    odd = parse_address('"a b"@example.org')
    assert from_line(odd, date_text(START_US)).startswith(b'From "a_b"@example.org  Sun')


def test_a_mailbox_that_another_program_holds_is_waited_for_and_then_left() -> None:
    desk = Desk(box(lock_s=1))
    put(desk.disk, Path("/mail.lock"), b"")
    desk.disk.make_directory(Path("/mail"))
    put(desk.disk, BOX, b"")
    holder = desk.disk.open_or_create(BOX)
    desk.disk.lock_mailbox(holder)
    (outcome,) = desk.deliver(BOB)
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.RECIPIENT
    assert "locked by another program" in outcome.reply.text
    desk.disk.close(holder)
    assert replies(desk.deliver(BOB)) == [GOOD]


def test_a_fresh_dot_lock_is_respected_and_an_old_one_is_not(tmp_path: Path) -> None:
    disk, path = SystemDisk(), tmp_path / "bob"
    put(disk, Path(f"{path}.lock"), b"1234")
    now_s = int(disk.status(Path(f"{path}.lock")).st_mtime)

    def deposit(age_s: int) -> MboxDeposit:
        order = Order(kind="mbox", path=str(path), name="x", from_line=b"From a\n", now_s=now_s + age_s)
        return MboxDeposit(order, Grounds(disk))

    made = [deposit(10), deposit(1000)]
    with pytest.raises(LockedError):
        made[0].begin()
    made[0].abort()
    assert Path(f"{path}.lock").exists(), "it is not ours"
    assert made[1].begin() is None
    made[1].finish()
    assert not Path(f"{path}.lock").exists()


def deposit(path: Path, machine: str = "mx", now_s: int = 0, disk: Disk | None = None) -> MboxDeposit:
    order = Order(kind="mbox", path=str(path), name="x", from_line=b"From a\n", now_s=now_s, machine=machine)
    return MboxDeposit(order, Grounds(disk or SystemDisk()))


def killed(path: Path, machine: str = "mx") -> None:
    """Have another process begin a message, and kill it."""
    code = (
        "import os, signal, sys; from pathlib import Path; from tests.unit.agents.test_mbox import deposit\n"
        "it = deposit(Path(sys.argv[1]), sys.argv[2]); it.begin(); it.write(b'half of it')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, path, machine], check=False)
    assert done.returncode == -signal.SIGKILL


def test_a66_half_a_message_of_a_process_that_was_killed_on_this_machine_goes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bob"
    path.write_bytes(b"From eve\nwhole\n\n")
    killed(path)
    assert Path(f"{path}.lock").exists(), "which keeps readers away until then"
    assert path.read_bytes() == b"From eve\nwhole\n\nFrom a\n"
    again = deposit(path)
    assert again.begin() is None
    again.write(b"all of it\r\n")
    again.finish()
    assert path.read_bytes() == b"From eve\nwhole\n\nFrom a\nall of it\n\n"
    assert os.listdir(tmp_path) == ["bob"]


class Killed(BaseException):
    """What nothing clears up after."""


class Dying(SystemDisk):
    """A process that is killed before one of the things that it asks of the disk."""

    __slots__ = ("asked", "at", "held")

    def __init__(self, at: int) -> None:
        self.at = at
        self.asked = 0
        self.held = set[int]()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in ("at", "asked", "held") or not callable(found):
            return found

        def ask(*args: Any) -> Any:
            self.asked += 1
            if self.asked == self.at:
                raise Killed
            answer = found(*args)
            if name in ("create", "open", "open_or_create", "open_to_append"):
                self.held.add(answer)
            elif name == "close":
                self.held.discard(*args)
            return answer

        return ask

    def rename_new(self, old: Path, new: Path) -> None:
        os.link(old, new)
        self.remove(old)


def dies(path: Path, at: int) -> bool:
    """Deliver, and be killed before the *at*-th thing asked of the disk; False: that was never asked."""
    disk = Dying(at)
    it = deposit(path, now_s=int(time.time()), disk=disk)
    try:
        it.begin()
        it.write(b"all of it\r\n")
        it.finish()
    except Killed:
        for fd in disk.held:  # which is when its locks end
            os.close(fd)
        return True
    return False


@pytest.mark.parametrize("again", [0, 8, 14, 20])
def test_a66_whenever_a_process_is_killed_the_next_gets_the_mailbox_at_once(
    tmp_path: Path, again: int
) -> None:
    """Before its lock says how long the mailbox was, too, and if the next is killed as well."""
    path, at = tmp_path / "bob", 1
    while dies(path, at):
        dies(path, again)
        last = deposit(path, now_s=int(time.time()))
        last.begin()
        last.write(b"the last\r\n")
        last.finish()
        assert os.listdir(tmp_path) == ["bob"]
        text = path.read_bytes()
        assert text.endswith(b"From a\nthe last\n\n")
        assert text.replace(b"From a\nall of it\n\n", b"") == b"From a\nthe last\n\n"
        path.unlink()
        at += 1
    assert at > 20


def test_a_name_that_leaves_just_enough_for_the_lock_is_good(tmp_path: Path) -> None:
    path = tmp_path / ("b" * (255 - len(".lock")))
    it = deposit(path)
    assert it.begin() is None
    it.finish()
    assert os.listdir(tmp_path) == [path.name]


def test_the_lock_in_the_making_is_in_no_other_mailboxes_way(tmp_path: Path) -> None:
    others = [tmp_path / f"bob{end}" for end in (".lock.new", ".new", ".lock2")]
    for other in others:
        other.write_bytes(b"From eve\nkeep me\n\n")
    it = deposit(tmp_path / "bob")
    it.begin()
    it.finish()
    assert [other.read_bytes() for other in others] == [b"From eve\nkeep me\n\n"] * 3


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_a70_what_another_user_puts_in_its_way_keeps_nobody_from_locking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """In a directory with the sticky bit it could not be removed."""
    path, there, me = tmp_path / "bob", tmp_path / ".bob.new", os.geteuid()
    match kind:
        case "file":
            there.write_bytes(b"theirs")
            monkeypatch.setattr(os, "geteuid", lambda: me + 1)
        case "directory":
            there.mkdir()
        case _:
            there.symlink_to(path)
    it = deposit(path)
    assert it.begin() is None
    assert Path(f"{path}.lock").exists()
    it.finish()
    assert sorted(os.listdir(tmp_path)) == [".bob.new", "bob"]


def test_a_lock_that_cannot_be_written_takes_nobody_elses_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A68: there is no space, and another program locks the mailbox at this moment."""
    path = tmp_path / "bob"
    theirs = Path(f"{path}.lock")

    def fails(*_: object) -> int:
        theirs.write_bytes(b"1234")
        raise OSError(errno.ENOSPC, "no")

    monkeypatch.setattr(SystemDisk, "write", fails)
    it = deposit(path)
    with pytest.raises(OSError, match="no"):
        it.begin()
    it.abort()
    assert theirs.read_bytes() == b"1234"
    assert sorted(os.listdir(tmp_path)) == ["bob", "bob.lock"]


@pytest.mark.parametrize("here", ["another", ""])
def test_a_process_on_another_machine_is_dead_when_its_lock_has_grown_old(tmp_path: Path, here: str) -> None:
    path = tmp_path / "bob"
    killed(path)
    with pytest.raises(LockedError):
        deposit(path, here, now_s=int(time.time())).begin()
    later = deposit(path, here, now_s=int(time.time()) + 1000)
    assert later.begin() is None
    later.finish()
    assert path.read_bytes() == b"From a\n\n"


def test_a_lock_that_another_user_made_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A70: where everybody may make files, somebody could have the last message of a mailbox cut off."""
    path, me = tmp_path / "bob", os.geteuid()
    killed(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: me + 1)
        with pytest.raises(LockedError):
            deposit(path, now_s=int(time.time())).begin()
        later = deposit(path, now_s=int(time.time()) + 1000)
        assert later.begin() is None
        later.finish()
    assert path.read_bytes() == b"From a\n\nFrom a\n\n"


def test_who_takes_long_over_a_message_is_not_taken_for_dead_however_old_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "bob"
    slow = deposit(path)
    slow.begin()
    for now_s in (0, int(time.time()) + 100_000):
        impatient = deposit(path, now_s=now_s)
        with pytest.raises(LockedError):
            impatient.begin()
        impatient.abort()
    slow.write(b"at last\r\n")
    slow.finish()
    assert path.read_bytes() == b"From a\nat last\n\n"


def test_half_a_message_that_cannot_be_taken_back_now_keeps_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bob"
    killed(path)

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(SystemDisk, "cut", fails)
        unlucky = deposit(path)
        with pytest.raises(OSError, match="no"):
            unlucky.begin()
        unlucky.abort()
    again = deposit(path)
    assert again.begin() is None
    again.finish()
    assert path.read_bytes() == b"From a\n\n"


def test_a_write_that_fails_is_taken_back() -> None:
    """A68: no space for all of it."""
    sim = SimDisk(seeded())
    desk = Desk(box(), Mount(sim))
    desk.deliver(BOB)
    before = read(desk.disk, BOX)
    sim.free_bytes = 150
    (outcome,) = desk.deliver(BOB, number=2)
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.OURSELVES
    assert read(desk.disk, BOX) == before
    sim.free_bytes = 10_000
    assert replies(desk.deliver(BOB, number=2)) == [GOOD]
    assert len(unquoted(read(desk.disk, BOX))) == 2


@pytest.mark.parametrize("machine", [b" -", b" mx", b""])
def test_half_a_message_of_a_dead_process_is_taken_back_and_nothing_else(machine: bytes) -> None:
    """Of a version before this as well, which did not say on what machine it was."""
    whole = FRONT + b"one\n\n"
    mark = b"mailrail %d%b\nFrom ann@example.com  Sun Jun 15 15:06:40 2025\n" % (len(whole), machine)
    cases = [
        (FRONT + b"hal", True),
        (b"\n" + FRONT[:20], True),
        (b"\0" * 700, True),
        (b"", True),
        (b"From eve@example.org  Sun Jun 15 15:06:40 2025\n\nother\n\n", False),
        (FRONT + b"two\n\nFrom eve@example.org  Mon\n\nthree\n\n", False),
    ]
    for tail, is_taken_back in cases:
        desk = Desk(box())
        desk.disk.make_directory(Path("/mail"))
        put(desk.disk, BOX, whole + tail)
        put(desk.disk, LOCK, mark)
        assert replies(desk.deliver(BOB)) == [GOOD]
        kept = whole if is_taken_back else whole + tail
        ours = FRONT + b"From: ann@example.com\nSubject: x\n\nhello\n>From here on\n\n"
        assert read(desk.disk, BOX) == kept + ours


def test_what_is_no_file_with_one_name_is_not_written(tmp_path: Path) -> None:
    """A70: links, hard and soft, are a way to write into somebody else's file."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    (tmp_path / "hard").hardlink_to(victim)
    (tmp_path / "soft").symlink_to(victim)
    (tmp_path / "directory").mkdir()
    for name in ("hard", "soft", "directory"):
        (outcome,) = Desk(box(path=str(tmp_path / name)), SystemDisk()).deliver(BOB)
        assert isinstance(outcome, Deferred), name
        assert not (tmp_path / f"{name}.lock").exists()
    assert victim.read_bytes() == b""


def test_a_full_mailbox_waits_or_fails_as_it_is_set() -> None:
    for over, said in (("defer", "Deferred 452 4.2.2"), ("fail", "Failed 552 5.2.2")):
        desk = Desk(box(quota=300, over_quota=over))
        assert replies(desk.deliver(BOB)) == [GOOD]
        assert replies(desk.deliver(BOB, content=b"x" * 200, number=2)) == [said]
        assert not Grounds(desk.disk).exists(LOCK)


def test_two_messages_for_one_mailbox_wait_for_one_another() -> None:
    async def main(desk: Desk) -> None:
        agent = desk.agent()
        await asyncio.gather(*(agent.deliver(letter(BOB, number=number)) for number in range(1, 6)))

    desk = Desk(box(lock_s=0))
    simulate(main(desk), seed=3)
    assert len(unquoted(read(desk.disk, BOX))) == 5
