"""A66, A67: the power is cut at every operation of what agents do to mailboxes, and then the mail is delivered again.

What was reported as delivered is there, whole and once. What was not is there whole or not at all, and after another try, which
is what the queue does, it is there once. The process that tries again remembers nothing of the one before. In an mbox half a
message stands until the next one comes, and a message twice that was whole and not reported.
"""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.agents.desk import CONTENT, Desk, mailbox, read, replies
from tests.unit.agents.test_mbox import unquoted

from mailrail.agents.settings import AgentSettings
from mailrail.model import Outcome
from mailrail.sim import START_US, Mount, SimDisk
from mailrail.spool import SMALL_BYTES

CHANCES = 6 * int(os.environ.get("MAILRAIL_CHANCES", "1"))
BOB = "bob@example.org"
LARGE = b"Subject: large\r\n\r\n" + b"line\r\n" * (SMALL_BYTES // 5)
GOOD = ["Delivered 250 2.0.0"]


@dataclass(frozen=True)
class Cut:
    """A power cut: before which operation, after how many reported messages, and what it left."""

    before: str
    reported: int
    left: SimDisk


@dataclass(frozen=True)
class Kind:
    """A kind of mailbox, and how it is read: each message as octets, what is half or torn among them."""

    name: str
    settings: AgentSettings
    contents: tuple[bytes, ...]
    kept: Callable[[Mount], list[bytes]]


def of_maildir(mount: Mount) -> list[bytes]:
    if "mail" not in mount.names(Path("/")) or "bob" not in mount.names(Path("/mail")):
        return []
    there = mount.names(Path("/mail/bob"))
    return [one for part in ("new", "cur") if part in there for one in mailbox(mount, "/mail/bob", part)]


def of_mbox(mount: Mount) -> list[bytes]:
    if "mail" not in mount.names(Path("/")) or "bob" not in mount.names(Path("/mail")):
        return []
    return [one.removesuffix(b"\n") + b"\n" for one in unquoted(read(mount, Path("/mail/bob")))]


def agent(kind: str, **more: object) -> AgentSettings:
    return AgentSettings.model_validate({"kind": kind, "path": "/mail/{local_part}", **more})


KINDS = (
    Kind("maildir", agent("maildir"), (CONTENT, LARGE, b"Subject: 3\r\n\r\nthree\r\n"), of_maildir),
    Kind(
        "maildir with quota", agent("maildir", quota=10_000_000), (CONTENT, b"x: y\r\n\r\nz\r\n"), of_maildir
    ),
    Kind("mbox", agent("mbox"), (CONTENT, LARGE, b"Subject: 3\r\n\r\nthree\r\n"), of_mbox),
)


def expected(content: bytes) -> bytes:
    front = b"Return-Path: <ann@example.com>\nDelivered-To: bob@example.org\n"
    return front + content.replace(b"\r\n", b"\n")


def deliver(
    disk: SimDisk, kind: Kind, number: int, *, began_us: int = START_US, mounted: type[Mount] = Mount
) -> list[Outcome]:
    mount = mounted(disk)
    desk = Desk(kind.settings, mount, began_us=began_us)
    try:
        return desk.deliver(BOB, content=kind.contents[number], number=number + 1)
    finally:
        mount.die()


def cuts(kind: Kind, mounted: type[Mount] = Mount) -> Iterator[Cut]:
    """Cut the power before each operation, with several chances each, and at the end."""
    disk, reported, found = SimDisk(random.Random(1)), 0, list[Cut]()

    def cut(before: str) -> None:
        for chance in range(CHANCES):
            left = disk.fork(random.Random(f"{len(found)} {chance}"))
            found.append(Cut(before, reported, left))

    disk.watch = cut
    for number in range(len(kind.contents)):
        assert replies(deliver(disk, kind, number, mounted=mounted)) == GOOD
        reported += 1
    cut("the end")
    disk.watch = None
    yield from found


def trouble(kind: Kind, cut: Cut) -> str:
    """Tell what is wrong with what a power cut left; "" if nothing is."""
    wanted = [expected(content) for content in kind.contents]
    kept = kind.kept(Mount(cut.left))
    is_mbox = kind.kept is of_mbox  # half a message may stand behind the last one, until the next comes
    if any(
        sum(one == there or (is_mbox and there.startswith(one)) for there in kept) != 1
        for one in wanted[: cut.reported]
    ):
        return "what was reported as delivered is not there once"
    if not is_mbox and any(one not in wanted for one in kept):
        return "a message is there by halves"
    # There is no name by which a message in an mbox could be known again.
    doubled = [one for one in wanted[cut.reported :] if is_mbox and one in kept]
    for number in range(cut.reported, len(wanted)):
        if replies(deliver(cut.left, kind, number, began_us=START_US + 1)) != GOOD:
            return "it cannot be delivered again"
    mount = Mount(cut.left)
    if sorted(kind.kept(mount)) not in (sorted(wanted), sorted([*wanted, *doubled])):
        return f"after another try: {[one[:40] for one in kind.kept(mount)]}"
    left = mount.names(Path("/mail/bob/tmp")) if kind.kept is of_maildir else mount.names(Path("/mail"))
    rest = [name for name in left if name != "bob" and not name.startswith("maildirsize")]
    return f"left behind: {rest}" if rest and cut.reported < len(wanted) else ""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_mailboxes_hold_what_was_reported_and_nothing_by_halves(kind: Kind) -> None:
    found = list(cuts(kind))
    wrong = [
        f"power cut {at}, before {cut.before}: {why}"
        for at, cut in enumerate(found)
        if (why := trouble(kind, cut))
    ]
    print(f"{kind.name}: {len(found)} power cuts, {len(wrong)} with a loss")
    assert not wrong, "\n".join(wrong[:5])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_sync_that_fails_is_never_reported_as_delivered(kind: Kind) -> None:
    """A68: whatever the disk says, what is not on it is not delivered; after a power cut it is not there by halves."""
    for failing in range(1, 8):
        disk = SimDisk(random.Random(failing))
        assert replies(deliver(disk, kind, 0)) == GOOD
        syncs = iter(range(1, 1000))

        def fail(what: str, disk: SimDisk = disk, at: int = failing, syncs: Iterator[int] = syncs) -> None:
            if what.startswith("sync") and next(syncs) == at:
                disk.failing_syncs = 1

        disk.watch = fail
        is_reported = replies(deliver(disk, kind, 1)) == GOOD
        disk.watch, disk.failing_syncs = None, 0
        disk.crash()
        kept = kind.kept(Mount(disk))
        assert expected(kind.contents[0]) in kept
        assert not is_reported or expected(kind.contents[1]) in kept
        if not is_reported:
            assert replies(deliver(disk, kind, 1, began_us=START_US + 1)) == GOOD
        assert kind.kept(Mount(disk)).count(expected(kind.contents[1])) == 1


class NoSync(Mount):
    """A mistake: content is not synced."""

    def sync(self, fd: int) -> None:
        pass


class NoNames(Mount):
    """A mistake: names are not synced."""

    def sync_directory(self, path: Path) -> None:
        pass


@pytest.mark.parametrize("mounted", [NoSync, NoNames])
@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]], ids=lambda kind: kind.name)
def test_the_sweep_notices_a_sync_that_is_missing(kind: Kind, mounted: type[Mount]) -> None:
    assert any(trouble(kind, cut) for cut in cuts(kind, mounted))
