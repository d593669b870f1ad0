"""A long random life of a spool, next to a model that fits on a page."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.support.spools import DISKS, MINUTE_US, Disk, Mail, store

from mailrail.model import Item, QueueId
from mailrail.spool import Change, Filter, Lease, NewMessage, Settlement, Spool, Want

T = TypeVar("T")
DOMAINS = ("one.example", "two.example", "three.example")
domains = st.sampled_from(DOMAINS)
MOST_ITEMS = 4
waits = st.integers(0, 3).map(lambda minutes: minutes * MINUTE_US)


@dataclass
class Known:
    """What the model knows of an item."""

    item: Item
    lease: Lease | None = None


class SpoolMachine(RuleBasedStateMachine):
    def new_disk(self, path: Path) -> Disk:
        raise AssertionError("told by the test")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.known: dict[tuple[QueueId, str], Known] = {}
        self.stale: list[Lease] = []
        self.standing: set[str] = set()
        self.moves = 0

    def run(self, work: Awaitable[T]) -> T:
        async def main() -> T:
            return await work

        return self.loop.run_until_complete(main())

    def call(self, work: Callable[[], Awaitable[T]]) -> T:
        async def main() -> T:
            return await work()

        return self.loop.run_until_complete(main())

    @initialize()
    def open(self) -> None:
        self.disk = self.new_disk(Path(self.directory.name))
        self.disk.most_items = MOST_ITEMS
        self.mail = Mail(self.disk.clock)
        self.spool: Spool = self.run(self.disk.open())

    def teardown(self) -> None:
        self.run(self.spool.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.directory.cleanup()

    def leases(self) -> list[Lease]:
        return [known.lease for known in self.known.values() if known.lease is not None]

    def waiting(self) -> list[Known]:
        return [known for known in self.known.values() if known.lease is None and not known.item.held]

    def remember(self, items: tuple[Item, ...], leases: tuple[Lease, ...]) -> None:
        for item in items:
            self.known[item.queue_id, item.destination] = Known(item)
        for lease in leases:
            self.known[lease.item.queue_id, lease.item.destination].lease = lease

    def forget(self, lease: Lease) -> None:
        self.stale = [*self.stale[-5:], lease]

    @rule(
        names=st.lists(domains, min_size=1, max_size=3, unique=True),
        wait_us=waits,
        lease=st.booleans(),
        held=st.booleans(),
    )
    def commit(self, names: list[str], wait_us: int, lease: bool, held: bool) -> None:
        message = self.mail.message([f"bob@{name}" for name in names])
        items = self.mail.items(message, due_us=self.disk.clock.now + wait_us, held=held and not lease)
        committed = self.run(store(self.spool, message, items, lease=lease))
        items = tuple(
            replace(item, held=True) if item.destination in self.standing else item for item in items
        )
        assert len(committed.leases) == (sum(not item.held for item in items) if lease else 0)
        self.remember(items, committed.leases)

    @rule(name=domains)
    def hold_new(self, name: str) -> None:
        self.run(self.spool.hold_new(Filter(destination=f"mx:{name}")))
        self.standing.add(f"mx:{name}")

    @rule(name=domains)
    def release_new(self, name: str) -> None:
        self.run(self.spool.release_new(Filter(destination=f"mx:{name}")))
        self.standing.discard(f"mx:{name}")
        assert {rule.destination for rule in self.spool.holds()} == self.standing

    @rule(limit=st.integers(1, 6), per_destination=st.integers(1, 3), busy=st.frozensets(domains, max_size=2))
    def claim(self, limit: int, per_destination: int, busy: frozenset[str]) -> None:
        lanes = frozenset(f"mx:{name}" for name in busy)
        leases = self.run(self.spool.claim(Want(limit, per_destination, lanes)))
        room: dict[str, int] = {}
        for known in self.waiting():
            if known.item.due_us <= self.disk.clock.now and known.item.destination not in lanes:
                room[known.item.destination] = min(room.get(known.item.destination, 0) + 1, per_destination)
        assert len(leases) == min(limit, sum(room.values()))
        for lease in leases:
            known = self.known[lease.item.queue_id, lease.item.destination]
            assert known.lease is None
            assert lease.item == known.item
            assert not lease.item.held
            assert lease.item.due_us <= self.disk.clock.now
            known.lease = lease
        assert max((list(map(_lane, leases)).count(lane) for lane in room), default=0) <= per_destination

    @precondition(lambda self: self.leases())
    @rule(data=st.data(), wait_us=st.none() | waits, owes_notice=st.booleans(), lease_new=st.booleans())
    def settle(self, data: st.DataObject, wait_us: int | None, owes_notice: bool, lease_new: bool) -> None:
        lease = data.draw(st.sampled_from(self.leases()))
        notices: tuple[NewMessage, ...] = (self.mail.notice(),) if owes_notice else ()
        left = None
        if wait_us is not None:
            left = replace(lease.item, attempts=lease.item.attempts + 1, due_us=self.disk.clock.now + wait_us)
        settlement = Settlement(lease, left, notices)
        settled = self.call(lambda: self.spool.settle(settlement, lease_new=lease_new))
        assert settled.done
        self.forget(lease)
        key = (lease.item.queue_id, lease.item.destination)
        held = self.known.pop(key).item.held
        if left is not None:
            self.known[key] = Known(replace(left, held=held))
        for notice in notices:
            self.remember(notice.items, settled.leases)
        assert bool(settled.leases) == (owes_notice and lease_new)

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def settle_a_stale_lease(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.stale))
        assert not self.call(lambda: self.spool.settle(Settlement(lease, None, (self.mail.notice(),)))).done

    @precondition(lambda self: self.leases())
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.leases()))
        self.call(lambda: self.spool.give_back([lease]))
        self.known[lease.item.queue_id, lease.item.destination].lease = None
        self.forget(lease)

    @rule(name=domains, change=st.sampled_from(Change))
    def mutate(self, name: str, change: Change) -> None:
        lane = f"mx:{name}"
        meant = [key for key in self.known if key[1] == lane]
        assert self.run(self.spool.mutate(Filter(destination=lane), change)) == len(meant)
        for key in meant:
            known = self.known[key]
            if change is Change.DELETE:
                del self.known[key]
                if known.lease is not None:
                    self.forget(known.lease)
            elif change is Change.RETRY:
                if known.lease is None:
                    due_us = min(known.item.due_us, self.disk.clock.now)
                    known.item = replace(known.item, due_us=due_us)
            else:
                known.item = replace(known.item, held=change is Change.HOLD)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def reroute(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.known)))
        known = self.known.pop(key)
        self.moves += 1
        moved = replace(known.item, destination=f"mx:new-{self.moves}.example")
        assert self.run(self.spool.reroute(key[0], key[1], [moved]))
        self.known[moved.queue_id, moved.destination] = Known(moved)
        if known.lease is not None:
            self.forget(known.lease)

    @rule(step_us=st.integers(0, 5).map(lambda minutes: minutes * MINUTE_US))
    def turn_the_clock(self, step_us: int) -> None:
        self.disk.clock.turn(step_us)

    @rule(is_hard=st.booleans())
    def restart(self, is_hard: bool) -> None:
        self.run(self.disk.end(self.spool) if is_hard else self.spool.close())
        self.spool = self.run(self.disk.open())
        for known in self.known.values():
            if known.lease is not None:
                self.forget(known.lease)
                due_us = min(known.item.due_us, self.disk.clock.now)
                known.item, known.lease = replace(known.item, due_us=due_us), None

    @rule()
    def maintain(self) -> None:
        self.run(self.spool.maintain())

    @invariant()
    def everything_is_as_known(self) -> None:
        rows = self.run(self.spool.select(Filter(), limit=10_000))
        seen = {(row.item.queue_id, row.item.destination): (row.item, row.is_leased) for row in rows}
        assert seen == {key: (known.item, known.lease is not None) for key, known in self.known.items()}

    @invariant()
    def there_is_place_for_more_while_fewer_are_stored_than_may_be(self) -> None:
        assert self.spool.has_place() is (len(self.known) < MOST_ITEMS)

    @invariant()
    def the_next_due_time_is_never_late(self) -> None:
        told = self.run(self.spool.next_due_us())
        earliest = min((known.item.due_us for known in self.waiting()), default=None)
        assert earliest is None or (told is not None and told <= earliest)


def _lane(lease: Lease) -> str:
    return lease.item.destination


@pytest.mark.parametrize("make", DISKS)
def test_a_random_life_keeps_every_promise(make: Callable[[Path], Disk]) -> None:
    class Machine(SpoolMachine):
        def new_disk(self, path: Path) -> Disk:
            return make(path)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
