"""A67 for the maildrop: the power is cut, and the process killed, at every change and sync between handing in and delivery.

A program hands in two messages, a small one and one that the spool keeps in a file of its own; the office takes them up and delivers them. At each
operation of the disk it is forked: what would be left if the power were cut now, several times with other chances. The office is opened on
each fork. What was handed in by then must have gone out once in all: before the cut or after it. Only where the spool
did not know yet that it had gone out, it may go out twice, as with every peer whose answer is lost.
"""

import asyncio
import os
import random
from dataclasses import dataclass

import pytest
from tests.support.maildrops import BOB, MAILDROP, Office, body_of, hand_in

from mailrail.maildrop import ASIDE, NEW, TAKING
from mailrail.sim import Mount, SimDisk, simulate
from mailrail.spool import SMALL_BYTES, Filter

TIMES = int(os.environ.get("MAILRAIL_CHANCES", "1"))
SMALL = b"Subject: small\r\n\r\nA line.\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" * (SMALL_BYTES // 2)
LETTERS = (SMALL, LARGE)
EVERYTHING_S = 60.0


@dataclass(frozen=True, slots=True)
class Cut:
    """What was so when the power was cut: how many were handed in, which had gone out, and how many of them the spool did not know of."""

    before: str
    handed_in: int
    delivered: tuple[bytes, ...]
    unsettled: int
    left: SimDisk


async def _cuts(chances: int) -> list[Cut]:
    disk, cuts = SimDisk(random.Random(1)), list[Cut]()
    office = Office(disk)
    await office.open()
    await asyncio.sleep(1)
    handed_in = 0

    def cut(before: str) -> None:
        for chance in range(chances):
            fork = disk.fork(random.Random(f"{len(cuts)} {chance}"))
            gone = tuple(map(body_of, office.delivered))
            cuts.append(Cut(before, handed_in, gone, office.unsettled, fork))

    program = Mount(disk)
    disk.watch = cut
    for number, letter in enumerate(LETTERS):
        hand_in(program, f"{number:x}", BOB, letter)
        handed_in += 1
    await asyncio.sleep(EVERYTHING_S)
    cut("the end")
    disk.watch = None
    await office.close()
    return cuts


async def _trouble(cut: Cut) -> str:
    """Tell what is wrong with what a power cut left; "" if nothing is."""
    office = Office(cut.left)
    await office.open()
    await asyncio.sleep(EVERYTHING_S)
    gone = [*cut.delivered, *map(body_of, office.delivered)]
    left = {name: sorted(office.disk.find(MAILDROP / name).names) for name in (NEW, TAKING, ASIDE)}  # type: ignore[union-attr]
    waiting = await office.spool.count(Filter())
    await office.close()
    for number, letter in enumerate(LETTERS):
        times = gone.count(letter)
        if times < (number < cut.handed_in):
            return f"letter {number} was handed in and never went out; left: {left}"
        if times > 1 + (letter in cut.delivered and cut.unsettled > 0):
            return f"letter {number} went out {times} times"
    if any(one not in LETTERS for one in gone):
        return "something else than a letter went out"
    if waiting or any(name for names in left.values() for name in names if not name.startswith(".")):
        return f"{waiting} messages and {left} are left over"
    return ""


@pytest.mark.crash
def test_what_was_handed_in_goes_out_once_wherever_the_power_is_cut() -> None:
    cuts = simulate(_cuts(3 * TIMES))
    wrong = [
        f"cut {number}, before {cut.before}: {why}"
        for number, cut in enumerate(cuts)
        if (why := simulate(_trouble(cut)))
    ]
    print(f"{len(cuts)} power cuts, {len(wrong)} with a loss or a repetition")
    assert not wrong, "\n".join(wrong[:8])
