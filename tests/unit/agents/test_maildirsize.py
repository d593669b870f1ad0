"""Maildir++ quota: honoured, kept, and counted anew where it may be wrong."""

import os
from pathlib import Path

import pytest
from tests.unit.agents.desk import CONTENT, Desk, put, read, replies

from mailrail.agents.grounds import Grounds
from mailrail.agents.settings import AgentSettings
from mailrail.model import Recipient, parse_address
from mailrail.sim import START_US, Mount, SimDisk, seeded

BOB = "bob@example.org"
GOOD = "Delivered 250 2.0.0"
SIZE = Path("/mail/bob/maildirsize")
ONE = len(
    b"Return-Path: <ann@example.com>\nDelivered-To: bob@example.org\n" + CONTENT.replace(b"\r\n", b"\n")
)
NOW_S = START_US // 1_000_000


def desk(**more: object) -> Desk:
    settings = {"kind": "maildir", "path": "/mail/{local_part}", **more}
    return Desk(AgentSettings.model_validate(settings), Young(SimDisk(seeded())))


class Young(Mount):
    """A disk whose files have the age that a test says."""

    age_s = 0

    def status(self, where: Path | int) -> os.stat_result:
        found = list(super().status(where))
        found[8] = NOW_S - self.age_s
        return os.stat_result(found)


def begun(one: Desk, size: bytes, *names: str) -> None:
    for part in ("tmp", "new", "cur"):
        Grounds(one.disk).make(Path("/mail/bob") / part)
    if size:
        put(one.disk, SIZE, size)
    for name in names:
        put(one.disk, Path("/mail/bob/cur") / name, b"x" * 50)


def test_without_limits_nothing_is_counted() -> None:
    one = desk()
    assert replies(one.deliver(BOB)) == [GOOD]
    assert "maildirsize" not in one.disk.names(Path("/mail/bob"))


def test_limits_of_the_settings_make_the_file_and_each_message_a_line() -> None:
    one = desk(quota=10_000, quota_messages=2)
    assert replies(one.deliver(BOB)) == [GOOD]
    assert replies(one.deliver(BOB, number=2)) == [GOOD]
    assert read(one.disk, SIZE) == b"10000S,2C\n0 0\n%d 1\n%d 1\n" % (ONE, ONE)
    assert replies(one.deliver(BOB, number=3)) == ["Deferred 452 4.2.2"]


@pytest.mark.parametrize(("over", "said"), [("defer", "Deferred 452 4.2.2"), ("fail", "Failed 552 5.2.2")])
def test_the_limits_of_the_file_count_where_the_settings_say_nothing(over: str, said: str) -> None:
    one = desk(over_quota=over)
    begun(one, b"100S\n0 0\n", "a:2,S")
    assert replies(one.deliver(BOB)) == [said]


def test_what_readers_deleted_is_found_before_mail_is_turned_away() -> None:
    one = desk()
    begun(one, b"1000S\n900 9\n50 1\n")
    assert replies(one.deliver(BOB)) == [GOOD]
    assert read(one.disk, SIZE) == b"1000S\n0 0\n%d 1\n" % ONE


def test_a_count_that_was_just_made_is_believed_and_an_old_one_is_not() -> None:
    one = desk()
    begun(one, b"1000S\n950 1\n")
    assert replies(one.deliver(BOB)) == ["Deferred 452 4.2.2"]
    assert isinstance(one.disk, Young)
    one.disk.age_s = 16 * 60
    assert replies(one.deliver(BOB)) == [GOOD]


@pytest.mark.parametrize(
    ("content", "names", "counted"),
    [
        (b"1S\n0 0\n", ("a,S=700:2,S", "b:2,ST", ".hidden"), b"700 1"),  # other limits than ours
        (b"5000S\nnonsense\n", ("a", "b"), b"100 2"),
        (b"5000S\n-900 -3\n", ("a",), b"50 1"),
        (b"5000S\n0 0\n" + b"10 1\n" * 1100, ("a",), b"50 1"),  # longer than it may be
        (b"", ("a",), b"50 1"),
    ],
)
def test_a_file_that_is_not_to_be_believed_is_counted_anew(
    content: bytes, names: tuple[str, ...], counted: bytes
) -> None:
    one = desk(quota=5000)
    begun(one, content, *names)
    assert replies(one.deliver(BOB)) == [GOOD]
    assert read(one.disk, SIZE) == b"5000S\n" + counted + b"\n%d 1\n" % ONE


def test_folders_count_and_the_trash_does_not() -> None:
    one = desk(quota=5000)
    begun(one, b"")
    for folder in (".Sent", ".Trash"):
        place = Path("/mail/bob") / folder
        one.disk.make_directory(place)
        one.disk.make_directory(place / "cur")
        put(one.disk, place / "cur" / "x", b"y" * 300)
    assert replies(one.deliver(Recipient(parse_address(BOB)))) == [GOOD]
    assert read(one.disk, SIZE).splitlines()[1] == b"300 1"
