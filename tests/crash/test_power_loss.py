"""A67: the power goes: whatever was not synced is lost, and no acknowledged message with it.

A file system of its own, in a file; the kernel is told to drop everything that has not reached its journal
(FS_IOC_SHUTDOWN), which is what a power cut does. One caller at a time, because the syncs of others
would hide one that is missing. Needs root and loop devices; elsewhere it is skipped.
"""

import asyncio
import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrail.model import (
    Address,
    Envelope,
    Item,
    Message,
    Pending,
    QueueId,
    QueueIds,
    Recipient,
    SystemClock,
)
from mailrail.observe import Bus
from mailrail.spool import SMALL_BYTES, SpoolSettings, SqliteSpool, open_spool

ROUNDS = int(os.environ.get("MAILRAIL_CRASH_ROUNDS", "5"))
FS_IOC_SHUTDOWN = 0x8004587D  # linux/fs.h, with the flag NOLOGFLUSH
NO_LOG_FLUSH = 2
DISK_BYTES = 192 * 1024**2


class Disk:
    """An ext4 of its own, mounted at `place`."""

    def __init__(self, image: Path, place: Path) -> None:
        self._image = image
        self.place = place
        place.mkdir()
        with image.open("wb") as file:
            file.truncate(DISK_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(image))

    def mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.place))

    def cut(self) -> None:
        """Lose everything that is not on the disk."""
        root = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(root, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(root)

    def unmount(self) -> None:
        _run("umount", str(self.place))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None or not Path("/dev/loop-control").exists():
        pytest.skip("a power cut is played with a loop device: needs root, mkfs.ext4 and /dev/loop-control")
    try:
        made = Disk(tmp_path / "image", tmp_path / "disk")
        made.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"a power cut is played with a loop device, and none can be had: {error.stderr!r}")
    yield made
    made.unmount()


async def open_at(path: Path) -> SqliteSpool:
    return await open_spool(SpoolSettings(path=path, reserve_bytes=0, reserve_share=0), SystemClock(), Bus())


async def child(path: Path) -> None:
    """Store one message after the other, small and large, and say the id of each that is acknowledged."""
    spool = await open_at(path)
    ids = QueueIds(SystemClock(), after=spool.newest())
    envelope = Envelope(None, (Recipient(Address("bob", "example.org")),))
    turn = 0
    while True:
        turn += 1
        queue_id = ids.make()
        size = SMALL_BYTES + 1000 if turn % 3 == 0 else 3000
        draft = spool.begin(queue_id)
        waiting = draft.write(queue_id.encode() * (size // len(queue_id)))
        if waiting is not None:
            await waiting
        item = Item(queue_id, "mx:example.org", (Pending(0),))
        await draft.commit(Message(queue_id, 1, envelope, draft.size_bytes), [item], lease=False)
        os.write(1, f"{queue_id}\n".encode())


def cut_after(disk: Disk, path: Path, lines: int) -> list[QueueId]:
    """Cut the power when a child has acknowledged *lines* messages; return all that it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path.cwd(),
    )
    assert process.stdout is not None
    with process.stdout as told:
        first = [told.readline() for _ in range(lines)]
        disk.cut()
        process.send_signal(signal.SIGKILL)
        everything = first + told.readlines()
    process.wait(30)
    return [QueueId(line.decode().strip()) for line in everything if line.endswith(b"\n")]


async def check(path: Path, acknowledged: list[QueueId]) -> None:
    spool = await open_at(path)
    try:
        for queue_id in acknowledged:
            content = await spool.open(queue_id)
            whole = await content.read(0, content.size_bytes)
            assert whole == queue_id.encode() * (content.size_bytes // len(queue_id)), queue_id
    finally:
        await spool.close()


@pytest.mark.crash
def test_a67_what_was_acknowledged_survives_power_cuts(disk: Disk) -> None:
    rng = random.Random(67)
    kept: list[QueueId] = []
    path = disk.place / "spool"
    for _ in range(ROUNDS):
        kept += cut_after(disk, path, rng.randrange(1, 60))
        disk.unmount()
        disk.mount()
        asyncio.run(check(path, kept))
    print(f"{ROUNDS} power cuts: {len(kept)} acknowledged, 0 lost")


if __name__ == "__main__":
    asyncio.run(child(Path(sys.argv[1])))
