"""Whatever a message holds, and whatever others have left in a mailbox:

- in an mbox it is one message, and reads back as it was, whole or in pieces; what stood there before still stands in front of it;
- in a Maildir it is its content with LF line ends, behind our lines, without return paths that came along;
- a `maildirsize` says yes or no, and nothing is raised.

Input: which of these, sizes of pieces, then the content, or what is found in the file.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.tape import Tape, cut

from mailrail.agents.deposit import Order
from mailrail.agents.grounds import Grounds
from mailrail.agents.maildir import MaildirDeposit
from mailrail.agents.maildirsize import Limits, MaildirSize
from mailrail.agents.mbox import MboxDeposit
from mailrail.agents.postmark import without_return_path
from mailrail.message import fields, header_end
from mailrail.sim import Mount, SimDisk, seeded

BOX = Path("/mail/bob")
_FRONT = b"Delivered-To: bob@example.org\r\n"
_FROM = b"From ann@example.org  Sun Jun 15 15:06:40 2025\n"


def check(data: bytes) -> None:
    tape = Tape(data)
    which, sizes = tape.number(3), tape.take(tape.number(4))
    (_check_mbox, _check_maildir, _check_size)[which](sizes, tape.rest())


def _check_mbox(sizes: bytes, content: bytes) -> None:
    disk = Mount(SimDisk(seeded()))
    grounds = Grounds(disk)
    grounds.make(BOX.parent)
    before, _, content = content.rpartition(b"\xff\xfe")
    _put(disk, BOX, before)
    deposit = MboxDeposit(Order(kind="mbox", path=str(BOX), name="x", front=_FRONT, from_line=_FROM), grounds)
    assert deposit.begin() is None
    for piece in cut(content, sizes):
        deposit.write(piece)
    deposit.finish()
    found = _get(disk, BOX)
    assert found.startswith(before)
    ours = found[len(before) :].lstrip(b"\n").removeprefix(_FROM)
    assert b"\nFrom " not in ours, "no line of it begins another message"
    lines = [line[1:] if line.lstrip(b">").startswith(b"From ") else line for line in ours.split(b"\n")]
    wanted = (_FRONT + content).replace(b"\r\n", b"\n")
    assert b"\n".join(lines) == wanted + (b"\n" if wanted.endswith(b"\n") else b"\n\n")


def _check_maildir(sizes: bytes, content: bytes) -> None:
    cleaned = without_return_path(content)
    end = header_end(cleaned)[0]
    assert all(field.name != b"return-path" for field in fields(cleaned, 0, end))
    assert without_return_path(cleaned) == cleaned
    disk = Mount(SimDisk(seeded()))
    order = Order(kind="maildir", path=str(BOX), name="1.x.y", front=_FRONT)
    deposit = MaildirDeposit(order, Grounds(disk))
    assert deposit.begin() is None
    for piece in cut(cleaned, sizes):
        deposit.write(piece)
    deposit.finish()
    (name,) = disk.names(BOX / "new")
    found = _get(disk, BOX / "new" / name)
    assert found == (_FRONT + cleaned).replace(b"\r\n", b"\n")
    assert name == f"1.x.y,S={len(found)}"


def _check_size(sizes: bytes, content: bytes) -> None:
    disk = Mount(SimDisk(seeded()))
    for part in ("tmp", "new", "cur"):
        Grounds(disk).make(BOX / part)
    _put(disk, BOX / "maildirsize", content)
    _put(disk, BOX / "cur" / "1.x,S=700:2,S", b"")
    for limits in (Limits(0, 0), Limits(1000, 0), Limits(0, 1)):
        size = MaildirSize(disk, BOX, limits, 1_750_000_000)
        if size.has_room(500):
            size.add(500)


def _put(disk: Mount, path: Path, content: bytes) -> None:
    fd = disk.open_or_create(path)
    disk.write(fd, memoryview(content))
    disk.close(fd)


def _get(disk: Mount, path: Path) -> bytes:
    fd = disk.open(path)
    try:
        return disk.read(fd, 100_000_000, 0)
    finally:
        disk.close(fd)


def seeds() -> Iterator[bytes]:
    letter = b"Return-Path: <x@y>\r\nSubject: a\r\n\r\nFrom b\r\n>From c\r\n>>From\r\nno end"
    for which in range(2):
        yield bytes((which, 0)) + letter
        yield bytes((which, 2, 0, 6)) + letter
        yield bytes((which, 1, 1)) + b"From x\n\nold\xff\xfe" + letter
        yield bytes((which, 0)) + b"a\r\r\n\r\nFrom \r"
    for content in (
        b"1000S,10C\n100 1\n-50 -1\n",
        b"0S\n",
        b"S,C\nx y\n",
        b"99999999999999999999S\n1 1",
        b"\n\n",
    ):
        yield b"\2\0" + content
