"""A66, A67: hours of crashes, power cuts and full disks on a node whose own programs send: all of it comes, under one queue id each."""

import asyncio
import re
from collections import defaultdict
from pathlib import Path

import pytest
from tests.support.maildrops import hand_in

from mailrail.maildrop import ASIDE, NEW, TAKING, Handed
from mailrail.model import Rng
from mailrail.sim import Mount, faults, seeded, simulate
from mailrail.sim.fleet import SMTP, Fleet
from mailrail.sim.ledger import Ledger
from mailrail.sim.link import Link
from mailrail.sim.node import Node
from mailrail.sim.platter import SimDirectory
from mailrail.sim.strangers import Handover, Place, Stranger

HOURS = 1.0
MAILDROP = Path("/spool/maildrop")
HOME, MX = "192.0.2.30", "192.0.2.1"
FINISH_S = 24 * 3600.0
_SUBJECT = re.compile(rb"^Subject: (\d+)\r$", re.MULTILINE)
_QUEUE_ID = re.compile(rb"with local id ([0-9A-Za-z]{11})")


class Letterbox:
    """Who watches the mailbox server: notes under which ids a letter came, and which came again though its node knew that it had come."""

    def __init__(self, ledger: Ledger) -> None:
        self.came: defaultdict[int, list[tuple[Handover, str]]] = defaultdict(list)
        self.repeated: list[int] = []
        self._ledger = ledger

    def took(self, handover: Handover, content: bytes, /) -> None:
        self._ledger.took(handover, content)
        number, queue_id = _SUBJECT.search(content), _QUEUE_ID.search(content)
        assert number is not None
        assert queue_id is not None
        assert content.endswith(b"\r\n\r\n" + number[1] * 1000 + b"\r\n")
        before = self.came[int(number[1])]
        if any(self._ledger.books.is_sure(one, its_id) for one, its_id in before):
            self.repeated.append(int(number[1]))
        before.append((handover, queue_id[1].decode()))

    def complain(self, host: str, client: str, words: str, /) -> None:
        self._ledger.complain(host, client, words)


async def _main(seed: int) -> tuple[Fleet, Letterbox, set[int]]:
    fleet = Fleet(seed, Link(latency_s=0.02, jitter_s=0.03, bytes_per_s=1e6), is_told=False)
    box = Letterbox(fleet.ledger)
    fleet.stranger(Stranger(Place("home.example", box, seeded(f"home {seed}"))), HOME)
    node = fleet.node(
        "mx",
        MX,
        maildrop={"access": "owner", "poll_s": 1},
        route=[{"match": "*", "next_hop": f"{HOME}:{SMTP}"}],
        spool={"path": "/spool", "reserve_bytes": 0, "reserve_share": 0.0, "reserve_inodes": 0},
    )
    fleet.watch()
    plan = faults.draw(seeded(f"faults {seed}"), HOURS / 24, ("mx",), ("home.example",), crashes_a_day=20.0)
    faults.carry_out(plan, fleet)
    await asyncio.sleep(5)
    chance, handed_in = seeded(f"letters {seed}"), set[int]()
    for number in range(10_000, 10_000 + int(HOURS * 60)):
        await asyncio.sleep(chance.uniform(10, 110))
        letter = b"Subject: %d\r\n\r\n%s\r\n" % (number, b"%d" % number * 1000)
        try:
            # A program of its own: it sees the disk whether the server runs or not, and dies with the machine.
            hand_in(Mount(node.disk), f"{number:x}", Handed(["bob@home.example"]), letter, maildrop=MAILDROP)
        except OSError:
            continue  # it was told that it failed
        handed_in.add(number)
        if chance.random() < 0.5:
            await _crash_while_it_is_taken_up(fleet, node, chance)
    node.slow_down(0)
    await asyncio.sleep(FINISH_S)
    directory = node.disk.find(MAILDROP)
    assert isinstance(directory, SimDirectory)
    left = {name: list(directory.names[name].names) for name in (NEW, TAKING, ASIDE)}  # type: ignore[union-attr]
    assert {name: [one for one in found if one[0] != "."] for name, found in left.items()} == {
        NEW: [], TAKING: [], ASIDE: [],
    }  # fmt: skip
    await fleet.finish()
    return fleet, box, handed_in


async def _crash_while_it_is_taken_up(fleet: Fleet, node: Node, chance: Rng) -> None:
    """End the node in the second after a letter, on a disk so slow that this is under way then."""
    node.slow_down(0.1)
    await asyncio.sleep(chance.uniform(0, 2.5))
    fleet.crashed(node)
    node.crash(is_power_cut=chance.random() < 0.5)
    await asyncio.sleep(5)
    if not node.is_up:
        node.start()


@pytest.mark.slow
@pytest.mark.timeout(300)  # the disk is slow, and each crash is a start
@pytest.mark.parametrize("seed", range(1, 4))
def test_what_programs_hand_in_comes_whole_and_is_taken_up_once(seed: int) -> None:
    fleet, box, handed_in = simulate(_main(seed), seed)
    assert fleet.ledger.violations == []
    assert fleet.ledger.books.counts["crashes"] > 10
    assert len(handed_in) > 40
    assert handed_in - box.came.keys() == set()
    assert {
        number for number, came in box.came.items() if len({queue_id for _, queue_id in came}) > 1
    } == set()
    assert box.repeated == []
