"""Maildir: what is written where, on the real and on the simulated disk."""

import errno
import os
import re
from pathlib import Path

import pytest
from tests.unit.agents.desk import CONTENT, Desk, letter, mailbox, put, replies

from mailrail.agents.deposit import Order
from mailrail.agents.grounds import Grounds
from mailrail.agents.maildir import MaildirDeposit, file_name
from mailrail.agents.settings import AgentSettings
from mailrail.model import Blame, Deferred, Failed, Recipient, parse_address
from mailrail.sim import START_US, Mount, SimDisk, seeded, simulate
from mailrail.spool import SMALL_BYTES, Disk, SystemDisk

BOB = "bob@example.org"
GOOD = "Delivered 250 2.0.0"


def box(**more: object) -> AgentSettings:
    return AgentSettings.model_validate({"kind": "maildir", "path": "/mail/{local_part}", **more})


@pytest.fixture(params=["simulated", "system"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Disk, str]:
    if request.param == "system":
        return SystemDisk(), str(tmp_path)
    return Mount(SimDisk(seeded())), "/mail"


def test_a_message_is_kept_with_our_lines_and_the_line_ends_of_the_system(place: tuple[Disk, str]) -> None:
    disk, root = place
    desk = Desk(box(path=f"{root}/{{domain}}/{{local_part}}"), disk)
    assert replies(desk.deliver(BOB, "Eve+x@example.org")) == [GOOD] * 2
    (bob,), (eve,) = mailbox(disk, f"{root}/example.org/bob"), mailbox(disk, f"{root}/example.org/eve")
    ours = b"Return-Path: <ann@example.com>\nDelivered-To: bob@example.org\n"
    assert bob == ours + CONTENT.replace(b"\r\n", b"\n")
    assert b"Delivered-To: Eve+x@example.org\n" in eve
    place_of_bob = Path(root) / "example.org" / "bob"
    (name,) = disk.names(place_of_bob / "new")
    assert re.fullmatch(rf"1750000000\.M0Q\w{{11}}R0\.mx\.example,S={len(bob)}", name)
    assert disk.names(place_of_bob / "tmp") == []
    assert disk.status(place_of_bob / "new" / name).st_mode & 0o777 == 0o600


def test_return_paths_that_came_along_go_and_the_original_recipient_is_told() -> None:
    desk = Desk(box())
    content = (
        b"Return-Path: <evil@x>\r\nReceived: x\r\nreturn-path :\r\n <evil@y>\r\nSubject: x\r\n\r\n"
        b"Return-Path: <kept>\r\n"
    )
    owner = parse_address("owner@example.org")
    desk.deliver(
        Recipient(parse_address(BOB), orcpt="rfc822;list@example.org", returns_to=owner), content=content
    )
    (found,) = mailbox(desk.disk, "/mail/bob")
    assert found == (
        b"Return-Path: <owner@example.org>\nX-Original-To: list@example.org\n"
        b"Delivered-To: bob@example.org\nReceived: x\nSubject: x\n\nReturn-Path: <kept>\n"
    )


def test_a_large_message_is_written_piece_by_piece() -> None:
    desk = Desk(box())
    content = b"Subject: x\r\n\r\n" + b"line\r\n" * (3 * SMALL_BYTES // 6 + 1)  # CRLF across two pieces
    assert replies(desk.deliver(BOB, content=content)) == [GOOD]
    (found,) = mailbox(desk.disk, "/mail/bob")
    assert found.endswith(content.replace(b"\r\n", b"\n"))
    assert b"\r" not in found


def test_what_comes_round_again_is_a_loop() -> None:
    """A64: Delivered-To names the mailbox already."""
    desk = Desk(box())
    content = b"Delivered-To: BOB@example.org\r\nSubject: x\r\n\r\nDelivered-To: eve@example.org\r\n"
    assert replies(desk.deliver(BOB, "eve@example.org", content=content)) == ["Failed 554 5.4.6", GOOD]


def test_mail_for_a_sub_address_goes_into_its_folder_if_there_is_one() -> None:
    desk = Desk(box(folders=True))
    desk.deliver(BOB)
    for part in ("tmp", "new", "cur"):
        Grounds(desk.disk).make(Path("/mail/bob/.News.Today") / part)
    for number, detail in enumerate(["+news.today", "+none", "+.News", "+a&b", ""], 2):
        desk.deliver(f'"bob{detail}"@example.org', number=number)
    assert len(mailbox(desk.disk, "/mail/bob/.News.Today")) == 1
    assert len(mailbox(desk.disk, "/mail/bob")) == 5


def test_a_path_that_an_alias_names_is_taken_as_it_is() -> None:
    desk = Desk(box())
    desk.deliver(Recipient(parse_address("root@example.org"), target="/mail/ops/"))
    assert len(mailbox(desk.disk, "/mail/ops")) == 1


@pytest.mark.parametrize(
    "address",
    ['".."@example.org', '"a/b"@example.org', '"../../etc/x"@example.org', f"{'x' * 60}@example.org"],
)
def test_an_address_that_is_no_name_has_no_mailbox(address: str) -> None:
    """A25: path traversal by the local part, and a name that no file system takes."""
    desk = Desk(box(path="/mail/{local_part}{local_part}{local_part}{local_part}{local_part}"))
    (outcome,) = desk.deliver(address)
    assert isinstance(outcome, Failed)
    assert outcome.reply.enhanced_code == "5.1.1"
    assert not Grounds(desk.disk).exists(Path("/mail"))


@pytest.mark.parametrize("part", ["new", "cur"])
def test_what_an_earlier_process_had_put_there_is_not_put_there_twice(part: str) -> None:
    desk = Desk(box(), began_us=START_US + 1)
    desk.deliver(BOB)
    (name,) = desk.disk.names(Path("/mail/bob/new"))
    if part == "cur":
        desk.disk.rename(Path("/mail/bob/new") / name, Path("/mail/bob/cur") / f"{name}:2,S")
    assert replies(desk.deliver(BOB)) == [GOOD]
    assert len(mailbox(desk.disk, "/mail/bob", part)) == 1
    assert replies(desk.deliver(BOB, number=2)) == [GOOD]
    assert len(mailbox(desk.disk, "/mail/bob")) + len(mailbox(desk.disk, "/mail/bob", "cur")) == 2


def test_what_a_dead_process_left_in_tmp_is_replaced() -> None:
    desk = Desk(box())
    desk.deliver(BOB, number=9)
    name = file_name(START_US, letter(BOB).message.queue_id, 0, "mx.example")
    put(desk.disk, Path("/mail/bob/tmp") / name, b"half")
    assert replies(desk.deliver(BOB)) == [GOOD]
    assert desk.disk.names(Path("/mail/bob/tmp")) == []
    assert mailbox(desk.disk, "/mail/bob")[0].startswith(b"Return-Path")


def test_a_mailbox_that_is_not_there_waits_where_none_is_to_be_made() -> None:
    (outcome,) = Desk(box(create=False)).deliver(BOB)
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.RECIPIENT
    assert "/mail/bob is not there" in outcome.reply.text


class Broken(Mount):
    """A disk on which one word fails, where it is about a mailbox's new/ or tmp/."""

    word = ""
    number = 0

    def _fail(self, word: str) -> None:
        if self.word == word:
            raise OSError(self.number, os.strerror(self.number))

    def create(self, path: Path) -> int:
        self._fail("create")
        return super().create(path)

    def write(self, fd: int, chunk: memoryview) -> int:
        self._fail("write")
        return super().write(fd, chunk)

    def sync(self, fd: int) -> None:
        self._fail("sync")
        super().sync(fd)

    def rename(self, old: Path, new: Path) -> None:
        self._fail("rename")
        super().rename(old, new)

    def sync_directory(self, path: Path) -> None:
        if path.name == "new":
            self._fail("sync_directory")
        super().sync_directory(path)


@pytest.mark.parametrize(
    ("number", "blame", "code"),
    [
        (errno.ENOSPC, Blame.OURSELVES, "4.2.0"),
        (errno.EROFS, Blame.OURSELVES, "4.2.0"),
        (errno.EIO, Blame.OURSELVES, "4.2.0"),
        (errno.EDQUOT, Blame.RECIPIENT, "4.2.2"),
        (errno.EACCES, Blame.RECIPIENT, "4.2.0"),
    ],
)
@pytest.mark.parametrize("word", ["create", "write", "sync", "rename", "sync_directory"])
def test_a_disk_that_says_no_leaves_nothing_behind(number: int, blame: Blame, code: str, word: str) -> None:
    """A68: trouble at every step is 4yz, and what was begun is taken back."""
    disk = Broken(SimDisk(seeded()))
    desk = Desk(box(), disk)
    desk.deliver(BOB, number=7)
    disk.word, disk.number = word, number
    (outcome,) = desk.deliver(BOB)
    assert isinstance(outcome, Deferred)
    assert (outcome.blame, outcome.reply.enhanced_code) == (blame, code)
    assert len(mailbox(disk, "/mail/bob")) == 1
    assert disk.names(Path("/mail/bob/tmp")) == []
    disk.word = ""
    assert replies(desk.deliver(BOB)) == [GOOD]


def test_a_deposit_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    order = Order(kind="maildir", path=str(tmp_path / "box"), name="1.x.y", front=b"A: b\r\n")
    deposit = MaildirDeposit(order, Grounds(SystemDisk()))
    assert deposit.begin() is None
    deposit.write(b"half\r\n")
    deposit.abort()
    assert [os.listdir(tmp_path / "box" / part) for part in ("tmp", "new", "cur")] == [[], [], []]


@pytest.mark.parametrize(
    ("uid", "user", "words"), [(0, "", 'name an account by "user"'), (1001, "bob", "must be started as root")]
)
def test_root_writes_only_where_it_is_told_to_and_nobody_writes_as_another(
    uid: int, user: str, words: str
) -> None:
    (outcome,) = Desk(box(user=user), uid=uid).deliver(BOB)
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.OURSELVES
    assert words in outcome.reply.text


def test_an_account_that_cannot_be_found_is_not_the_end_of_a_mailbox() -> None:
    """A74: the system says the same where its directory service is down."""
    (outcome,) = Desk(box(user="{local_part}")).deliver("eve@example.org")
    assert isinstance(outcome, Deferred)
    assert "no account 'eve'" in outcome.reply.text


def test_it_is_explained() -> None:
    async def lines(address: str) -> list[str]:
        return Desk(box(folders=True, user="bob")).agent().explain(Recipient(parse_address(address)))

    assert simulate(lines("bob+news@example.org")) == [
        "maildir: /mail/bob",
        "written as: bob (user 1000)",
        "folder: .news, if there is one",
    ]
    assert simulate(lines('"a/b"@example.org'))[0].startswith("would be answered with 550 5.1.1")


def test_a_name_has_neither_slash_nor_colon() -> None:
    assert file_name(1_500_000, "Q", 2, "a/b:c") == "1.M500000QQR2.a\\057b\\072c"
