"""The promises of `mailrail.spool.api`, on every implementation.

Test names say the promise; P1..P7 are the numbers in the head of api.py.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.spools import DISKS, MINUTE_US, Disk, Mail, ids_of, in_loop, keep, store

from mailrail.model import Address, Pending, QueueId, StoreError, StoreTrouble
from mailrail.spool import SMALL_BYTES, Change, Content, Filter, Lease, Settlement, Spool, Want

EVERYTHING = Filter()
PLENTY = Want(limit=1000, per_destination=1000)


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    make: Callable[[Path], Disk] = request.param
    return make(tmp_path)


@pytest.fixture
def mail(disk: Disk) -> Mail:
    return Mail(disk.clock)


def deferred(lease: Lease, due_us: int) -> Settlement:
    left = replace(lease.item, attempts=lease.item.attempts + 1, due_us=due_us)
    return Settlement(lease, left)


async def whole(content: Content) -> bytes:
    """Read content in pieces, as delivery does."""
    pieces: list[bytes] = []
    while piece := await content.read(sum(map(len, pieces)), 100_000):
        pieces.append(piece)
    content.close()
    return b"".join(pieces)


# -- storing ---------------------------------------------------------------------------------------


@in_loop
async def test_what_was_committed_is_there_after_a_restart(disk: Disk, mail: Mail) -> None:
    """P1."""
    plain = mail.message(["bob@example.org", "eve@example.net"], size_bytes=13)
    bob, eve = plain.envelope.recipients
    owner = Address("owner-news", "example.com")
    expanded = (replace(bob, target="|/bin/cat"), replace(eve, returns_to=owner, is_forwarded=True))
    message = replace(plain, envelope=replace(plain.envelope, recipients=expanded))
    items = mail.items(message)
    spool = await disk.open()
    await store(spool, message, items, b"Hello World\r\n")
    await spool.close()
    spool = await disk.open()
    listed = await spool.select(EVERYTHING)
    assert [row.message for row in listed] == [message, message]
    assert {row.item for row in listed} == set(items)
    assert await whole(await spool.open(message.queue_id)) == b"Hello World\r\n"
    await spool.close()


@in_loop
async def test_the_caller_of_commit_gets_the_content_and_the_leases_in_order(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    message = mail.message(["a@one.example", "b@two.example", "c@one.example"], size_bytes=3)
    items = mail.items(message)
    committed = await store(spool, message, items, b"abc", lease=True)
    assert tuple(lease.item for lease in committed.leases) == items
    assert all(lease.message == message for lease in committed.leases)
    assert committed.content.whole == b"abc"
    assert committed.content.size_bytes == 3
    assert await spool.claim(PLENTY) == []
    await spool.close()


@in_loop
async def test_without_lease_the_items_wait_for_a_claim(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    assert await keep(spool, mail, "a@one.example") == ()
    assert len(await spool.claim(PLENTY)) == 1
    await spool.close()


@pytest.mark.parametrize("size_bytes", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 3 * SMALL_BYTES + 17])
@in_loop
async def test_content_of_any_size_reads_back_from_any_offset(
    disk: Disk, mail: Mail, size_bytes: int
) -> None:
    body = bytes(range(251)) * (size_bytes // 251 + 1)
    body = body[:size_bytes]
    spool = await disk.open()
    message = mail.message(size_bytes=size_bytes)
    draft = spool.begin(message.queue_id)
    for start in range(0, size_bytes, 50_000):
        waiting = draft.write(body[start : start + 50_000])
        if waiting is not None:
            await waiting
    assert draft.size_bytes == size_bytes
    committed = await draft.commit(message, mail.items(message), lease=True)
    again = await spool.open(message.queue_id)
    for content in (committed.content, again):
        assert content.size_bytes == size_bytes
        assert content.whole == (body if size_bytes <= SMALL_BYTES else None)
        assert await whole(content) == body
        assert await content.read(size_bytes // 2, 10) == body[size_bytes // 2 :][:10]
        assert await content.read(size_bytes + 5, 10) == b""
        content.close()
        content.close()
    settled = await spool.settle(Settlement(committed.leases[0], None))
    assert settled.done
    await spool.close()


@in_loop
async def test_a_queue_id_that_is_stored_already_is_refused_and_its_neighbours_are_kept(
    disk: Disk, mail: Mail
) -> None:
    """P2: a failing operation does not spoil those that share its commit."""
    spool = await disk.open()
    first, second, third = mail.message(), mail.message(), mail.message()
    await store(spool, first, mail.items(first))
    answers = await asyncio.gather(
        store(spool, second, mail.items(second)),
        store(spool, first, mail.items(first), b"y" * 10),
        store(spool, third, mail.items(third)),
        return_exceptions=True,
    )
    assert isinstance(answers[1], StoreError)
    assert answers[1].trouble is StoreTrouble.FAILED
    assert [row.message for row in await spool.select(EVERYTHING)] == [first, second, third]
    assert await whole(await spool.open(first.queue_id)) == b"x" * 10
    await spool.close()


@in_loop
async def test_a_message_without_items_or_of_another_size_is_a_fault_of_the_caller(
    disk: Disk, mail: Mail
) -> None:
    spool = await disk.open()
    message = mail.message()
    with pytest.raises(ValueError, match="without items"):
        await store(spool, message, ())
    with pytest.raises(ValueError, match="3 bytes were written"):
        await store(spool, message, mail.items(message), b"abc")
    other = mail.items(mail.message())
    with pytest.raises(ValueError, match="belongs to"):
        await store(spool, message, other)
    assert await spool.count(EVERYTHING) == 0
    await spool.close()


@pytest.mark.parametrize("size_bytes", [10, 2 * SMALL_BYTES])
@in_loop
async def test_a_discarded_draft_leaves_nothing(disk: Disk, mail: Mail, size_bytes: int) -> None:
    spool = await disk.open()
    queue_id = mail.message().queue_id
    draft = spool.begin(queue_id)
    waiting = draft.write(b"x" * size_bytes)
    if waiting is not None:
        await waiting
    draft.discard()
    draft.discard()
    assert not await spool.resolve(queue_id)
    assert await spool.count(EVERYTHING) == 0
    await spool.close()


@in_loop
async def test_discard_after_commit_has_no_effect(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    for size_bytes in (10, 2 * SMALL_BYTES):
        message = mail.message(size_bytes=size_bytes)
        draft = spool.begin(message.queue_id)
        draft.write(b"x" * size_bytes)
        await draft.commit(message, mail.items(message), lease=False)
        draft.discard()
        assert await whole(await spool.open(message.queue_id)) == b"x" * size_bytes
    await spool.close()


@in_loop
async def test_resolve_tells_whether_an_id_is_stored(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    message = mail.message()
    assert not await spool.resolve(message.queue_id)
    await store(spool, message, mail.items(message))
    assert await spool.resolve(message.queue_id)
    assert not await spool.resolve(QueueId("not an id"))
    await spool.close()


@in_loop
async def test_concurrent_callers_are_answered_in_the_order_they_came(disk: Disk, mail: Mail) -> None:
    """P3."""
    spool = await disk.open()
    answered: list[int] = []

    async def one(number: int) -> None:
        await keep(spool, mail)
        answered.append(number)

    await asyncio.gather(*(one(number) for number in range(100)))
    assert answered == list(range(100))
    assert await spool.count(EVERYTHING) == 100
    await spool.close()


@in_loop
async def test_there_is_room_on_an_empty_disk(disk: Disk) -> None:
    spool = await disk.open()
    assert spool.has_space(1000)
    await spool.close()


@in_loop
async def test_section_5_with_as_many_items_as_may_be_there_is_no_place_until_some_are_gone(
    disk: Disk, mail: Mail
) -> None:
    disk.most_items = 2
    spool = await disk.open()
    (lease,) = await keep(spool, mail, lease=True)
    assert spool.has_place()
    await keep(spool, mail, "bob@one.example", "eve@two.example")
    assert not spool.has_place()
    await spool.settle(Settlement(lease, None))
    assert not spool.has_place()
    await spool.close()
    spool = await disk.open()
    assert not spool.has_place()
    await spool.mutate(Filter(destination="mx:one.example"), Change.DELETE)
    assert spool.has_place()
    await spool.close()


@in_loop
async def test_section_5_unless_a_number_is_set_there_is_always_place(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    for _ in range(20):
        await keep(spool, mail)
    assert spool.has_place()
    await spool.close()


# -- settling --------------------------------------------------------------------------------------


@in_loop
async def test_the_last_final_item_takes_the_message_with_it(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    one, two = await keep(spool, mail, "a@one.example", "b@two.example", lease=True)
    assert (await spool.settle(Settlement(one, None))).done
    assert await spool.resolve(one.item.queue_id)
    assert [row.item for row in await spool.select(EVERYTHING)] == [two.item]
    assert (await spool.settle(Settlement(two, None))).done
    assert not await spool.resolve(one.item.queue_id)
    with pytest.raises(StoreError) as caught:
        await spool.open(one.item.queue_id)
    assert caught.value.trouble is StoreTrouble.DAMAGED
    await spool.close()


@in_loop
async def test_many_settlements_at_once_all_take_effect(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    held = [await keep(spool, mail, "a@one.example", "b@two.example", lease=True) for _ in range(30)]
    kept = [await keep(spool, mail, lease=True) for _ in range(30)]
    settled = await asyncio.gather(
        *(spool.settle(Settlement(lease, None)) for leases in held for lease in leases),
        *(spool.settle(deferred(leases[0], 5)) for leases in kept),
    )
    assert all(answer.done for answer in settled)
    assert await spool.count(EVERYTHING) == 30
    assert not any([await spool.resolve(leases[0].item.queue_id) for leases in held])
    await spool.close()


@in_loop
async def test_what_is_left_waits_as_the_settlement_says(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    (lease,) = await keep(spool, mail, "a@one.example", "b@one.example", lease=True)
    due_us = disk.clock.now + 5 * MINUTE_US
    left = replace(
        lease.item, pending=(Pending(1, "451 4.3.0 später"),), attempts=1, due_us=due_us, warned=True
    )
    await spool.settle(Settlement(lease, left))
    assert await spool.claim(PLENTY) == []
    assert await spool.next_due_us() == due_us
    disk.clock.turn(5 * MINUTE_US)
    (again,) = await spool.claim(PLENTY)
    assert again.item == left
    assert again.message == lease.message
    assert again.fence != lease.fence
    await spool.close()


@in_loop
async def test_settling_twice_is_harmless(disk: Disk, mail: Mail) -> None:
    """P4."""
    spool = await disk.open()
    (lease,) = await keep(spool, mail, lease=True)
    first, second = await asyncio.gather(
        spool.settle(deferred(lease, 0)), spool.settle(Settlement(lease, None, (mail.notice(),)))
    )
    assert (first.done, second.done) == (True, False)
    assert second.leases == ()
    (again,) = await spool.claim(PLENTY)
    assert not (await spool.settle(Settlement(lease, None))).done
    assert (await spool.settle(Settlement(again, None))).done
    assert await spool.count(EVERYTHING) == 0
    await spool.close()


@in_loop
async def test_a_notice_is_stored_with_the_settlement_that_owes_it(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    (lease,) = await keep(spool, mail, lease=True)
    notice = mail.notice(b"it failed\r\n")
    settled = await spool.settle(Settlement(lease, None, (notice,)), lease_new=True)
    assert [one.item for one in settled.leases] == list(notice.items)
    assert [row.message for row in await spool.select(EVERYTHING)] == [notice.message]
    assert await whole(await spool.open(notice.message.queue_id)) == b"it failed\r\n"
    assert (await spool.settle(Settlement(settled.leases[0], None))).done
    assert await spool.count(EVERYTHING) == 0
    await spool.close()


@in_loop
async def test_a_notice_not_leased_waits_for_a_claim(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    (lease,) = await keep(spool, mail, lease=True)
    notice = mail.notice()
    assert (await spool.settle(Settlement(lease, None, (notice,)))).leases == ()
    assert [one.item for one in await spool.claim(PLENTY)] == list(notice.items)
    await spool.close()


@in_loop
async def test_a_settlement_whose_notice_cannot_be_stored_changes_nothing(disk: Disk, mail: Mail) -> None:
    """P2: all of it or nothing."""
    spool = await disk.open()
    notice = mail.notice()
    await store(spool, notice.message, notice.items, notice.content)
    (lease,) = await keep(spool, mail, lease=True)
    with pytest.raises(StoreError):
        await spool.settle(Settlement(lease, None, (mail.notice(), notice)))
    assert await spool.count(EVERYTHING) == 2
    assert (await spool.settle(Settlement(lease, None))).done
    await spool.close()


@in_loop
async def test_what_is_left_of_another_item_is_a_fault_of_the_caller(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    one, two = await keep(spool, mail, "a@one.example", "b@two.example", lease=True)
    with pytest.raises(ValueError, match="another item"):
        await spool.settle(Settlement(one, two.item))
    with pytest.raises(ValueError, match="is done"):
        await spool.settle(Settlement(one, replace(one.item, pending=())))
    assert (await spool.settle(Settlement(one, None))).done
    await spool.close()


# -- leases ----------------------------------------------------------------------------------------


@in_loop
async def test_leases_end_with_the_process(disk: Disk, mail: Mail) -> None:
    """P5: whoever held them, after a restart they are due; the old leases are worth nothing."""
    spool = await disk.open()
    (born,) = await keep(spool, mail, "a@one.example", lease=True)
    await keep(spool, mail, "b@two.example")
    (claimed,) = await spool.claim(PLENTY)
    await spool.close()
    spool = await disk.open()
    again = await spool.claim(PLENTY)
    assert {lease.item.destination for lease in again} == {"mx:one.example", "mx:two.example"}
    assert {lease.message for lease in again} == {born.message, claimed.message}
    await spool.close()


@in_loop
async def test_given_back_items_are_as_before(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    (born,) = await keep(spool, mail, lease=True)
    await spool.give_back([born])
    (claimed,) = await spool.claim(PLENTY)
    assert claimed.item == born.item
    await spool.give_back([claimed, born])
    assert not (await spool.settle(Settlement(claimed, None))).done
    (row,) = await spool.select(EVERYTHING)
    assert (row.item, row.is_leased) == (born.item, False)
    await spool.close()


@in_loop
async def test_an_item_is_leased_to_one_holder_at_a_time(disk: Disk, mail: Mail) -> None:
    """P4."""
    spool = await disk.open()
    for _ in range(20):
        await keep(spool, mail)
    claims = await asyncio.gather(*(spool.claim(Want(limit=3, per_destination=3)) for _ in range(10)))
    taken = [queue_id for leases in claims for queue_id in ids_of(leases)]
    assert len(taken) == len(set(taken)) == 20
    await spool.close()


# -- claiming --------------------------------------------------------------------------------------


@in_loop
async def test_claim_takes_the_oldest_due_first_and_nothing_that_is_not_due(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    now = disk.clock.now
    for due_us in (now, now - 5, now + 1, now - 9):
        await keep(spool, mail, due_us=due_us)
    assert [lease.item.due_us for lease in await spool.claim(Want(2, 10))] == [now - 9, now - 5]
    assert [lease.item.due_us for lease in await spool.claim(Want(10, 10))] == [now]
    assert await spool.claim(PLENTY) == []
    assert await spool.next_due_us() == now + 1
    await spool.close()


@in_loop
async def test_claim_is_fair_between_destinations(disk: Disk, mail: Mail) -> None:
    """A72: one destination with a long queue does not take every place."""
    spool = await disk.open()
    for _ in range(50):
        await keep(spool, mail, "a@big.example")
    await keep(spool, mail, "a@one.example")
    await keep(spool, mail, "a@two.example")
    taken = [lease.item.destination for lease in await spool.claim(Want(limit=6, per_destination=20))]
    assert sorted(taken) == ["mx:big.example"] * 4 + ["mx:one.example", "mx:two.example"]
    await spool.close()


@in_loop
async def test_claim_keeps_to_the_room_per_destination_and_passes_over_the_busy(
    disk: Disk, mail: Mail
) -> None:
    spool = await disk.open()
    for name in ("a@one.example", "a@two.example", "a@three.example"):
        for _ in range(5):
            await keep(spool, mail, name)
    leases = await spool.claim(Want(100, 2, frozenset({"mx:two.example"})))
    taken = sorted(lease.item.destination for lease in leases)
    assert taken == ["mx:one.example"] * 2 + ["mx:three.example"] * 2
    assert len(await spool.claim(Want(100, 100, frozenset({"mx:one.example", "mx:three.example"})))) == 5
    assert len(await spool.claim(PLENTY)) == 6
    await spool.close()


@in_loop
async def test_next_due_tells_when_to_look_again(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    assert await spool.next_due_us() is None
    now = disk.clock.now
    await keep(spool, mail, "a@one.example", due_us=now + 100)
    await keep(spool, mail, "a@two.example", due_us=now + 50)
    await keep(spool, mail, "a@three.example", lease=True)
    assert await spool.next_due_us() == now + 50
    assert await spool.next_due_us(frozenset({"mx:two.example"})) == now + 100
    disk.clock.turn(60)
    await spool.claim(PLENTY)
    assert await spool.next_due_us() == now + 100
    await spool.close()


# -- operators -------------------------------------------------------------------------------------


@in_loop
async def test_select_pages_through_everything_in_order(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    expected = []
    for number in range(7):
        message = mail.message([f"a@{number}.example", "b@same.example"])
        items = mail.items(message)
        await store(spool, message, items, lease=number % 2 == 0)
        expected += sorted((item.queue_id, item.destination) for item in items)
    seen, after = [], None
    while rows := await spool.select(EVERYTHING, after=after, limit=3):
        assert len(rows) <= 3
        seen += [(row.item.queue_id, row.item.destination) for row in rows]
        after = seen[-1]
    assert seen == expected
    leased = [row.item.queue_id for row in await spool.select(EVERYTHING) if row.is_leased]
    assert len(leased) == 8
    await spool.close()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), {0, 1, 2, 3}),
        (Filter(sender="alice@example.com"), {0, 3}),
        (Filter(sender="ALICE@Example.COM"), {0, 3}),
        (Filter(sender="example.com"), {0, 3}),
        (Filter(sender="<>"), {1}),
        (Filter(sender="lice@example.com"), set()),
        (Filter(sender="xample.com"), set()),
        (Filter(sender='"odd one"@host.example'), {2}),
        (Filter(recipient="bob@one.example"), {0, 2}),
        (Filter(recipient="one.example"), {0, 1, 2}),
        (Filter(recipient="bücher.example"), {3}),
        (Filter(recipient="one.exampl"), set()),
        (Filter(recipient="%"), set()),
        (Filter(recipient="b@b@b@"), set()),
        (Filter(destination="mx:one.example"), {0, 1, 2}),
        (Filter(destination="mx:one"), set()),
        (Filter(held=True), {3}),
        (Filter(held=False), {0, 1, 2}),
        (Filter(sender="example.com", held=False), {0}),
        (Filter(queue_ids=(QueueId("nonsense"),)), set()),
    ],
)
@in_loop
async def test_a_filter_means_the_same_everywhere(
    disk: Disk, mail: Mail, wanted: Filter, found: set[int]
) -> None:
    spool = await disk.open()
    await keep(spool, mail, "bob@one.example")
    await keep(spool, mail, "carl@one.example", sender="")
    await keep(spool, mail, "BOB@one.example", "b@one.example", sender="odd one@host.example", lease=True)
    await keep(spool, mail, "bob@xn--bcher-kva.example", held=True)
    ids = [row.item.queue_id for row in await spool.select(EVERYTHING)]
    assert {ids.index(row.item.queue_id) for row in await spool.select(wanted)} == found
    assert await spool.count(wanted) == len(found)
    await spool.close()


@in_loop
async def test_a_filter_can_name_messages(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    for _ in range(3):
        await keep(spool, mail)
    ids = [row.item.queue_id for row in await spool.select(EVERYTHING)]
    wanted = Filter(queue_ids=(ids[2], ids[0]))
    assert [row.item.queue_id for row in await spool.select(wanted)] == [ids[0], ids[2]]
    assert await spool.mutate(wanted, Change.DELETE) == 2
    assert [row.item.queue_id for row in await spool.select(EVERYTHING)] == [ids[1]]
    await spool.close()


@in_loop
async def test_a_recipient_that_is_done_is_not_found_any_more(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    (lease,) = await keep(spool, mail, "a@one.example", "b@one.example", lease=True)
    await spool.settle(Settlement(lease, replace(lease.item, pending=(Pending(1),))))
    assert await spool.count(Filter(recipient="a@one.example")) == 0
    assert await spool.count(Filter(recipient="b@one.example")) == 1
    await spool.close()


@in_loop
async def test_held_items_are_never_due_until_released(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    await keep(spool, mail, "a@one.example")
    await keep(spool, mail, "a@two.example")
    assert await spool.mutate(Filter(destination="mx:one.example"), Change.HOLD) == 1
    assert [lease.item.destination for lease in await spool.claim(PLENTY)] == ["mx:two.example"]
    assert await spool.claim(PLENTY) == []
    assert await spool.next_due_us() is None
    assert await spool.mutate(EVERYTHING, Change.RELEASE) == 2
    assert [lease.item.destination for lease in await spool.claim(PLENTY)] == ["mx:one.example"]
    await spool.close()


@in_loop
async def test_hold_survives_a_restart_and_a_running_try(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    (settled,) = await keep(spool, mail, "a@one.example", lease=True)
    (given,) = await keep(spool, mail, "a@two.example", lease=True)
    await keep(spool, mail, "a@three.example", lease=True)
    assert await spool.mutate(EVERYTHING, Change.HOLD) == 3
    assert (await spool.settle(deferred(settled, 0))).done
    await spool.give_back([given])
    await spool.close()
    spool = await disk.open()
    assert await spool.claim(PLENTY) == []
    rows = await spool.select(EVERYTHING)
    assert [(row.item.held, row.is_leased) for row in rows] == [(True, False)] * 3
    assert rows[0].item.attempts == 1
    await spool.mutate(EVERYTHING, Change.RELEASE)
    assert len(await spool.claim(PLENTY)) == 3
    await spool.close()


@in_loop
async def test_retry_makes_due_now(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    await keep(spool, mail, due_us=disk.clock.now + MINUTE_US)
    assert await spool.claim(PLENTY) == []
    assert await spool.mutate(EVERYTHING, Change.RETRY) == 1
    (lease,) = await spool.claim(PLENTY)
    assert lease.item.due_us == disk.clock.now
    assert await spool.mutate(EVERYTHING, Change.RETRY) == 1
    assert (await spool.settle(Settlement(lease, None))).done
    await spool.close()


@in_loop
async def test_what_was_never_tried_can_be_left_out_beyond_a_time(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    await keep(spool, mail, due_us=disk.clock.now + 2 * MINUTE_US)
    wanted = Filter(untried_until_us=disk.clock.now + MINUTE_US)
    assert await spool.mutate(wanted, Change.RETRY) == 0
    assert await spool.claim(PLENTY) == []
    assert (
        await spool.mutate(replace(wanted, untried_until_us=disk.clock.now + 2 * MINUTE_US), Change.RETRY)
        == 1
    )
    (lease,) = await spool.claim(PLENTY)
    later = replace(lease.item, attempts=1, due_us=disk.clock.now + 5 * MINUTE_US)
    await spool.settle(Settlement(lease, later))
    assert await spool.mutate(wanted, Change.RETRY) == 1
    assert len(await spool.claim(PLENTY)) == 1
    await spool.close()


@in_loop
async def test_a_deleted_item_is_gone_and_fences_its_running_try(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    one, two = await keep(spool, mail, "a@one.example", "a@two.example", lease=True)
    assert await spool.mutate(Filter(destination="mx:one.example"), Change.DELETE) == 1
    assert not (await spool.settle(Settlement(one, None, (mail.notice(),)))).done
    assert await spool.count(EVERYTHING) == 1
    assert await spool.mutate(EVERYTHING, Change.DELETE) == 1
    assert not (await spool.settle(Settlement(two, None))).done
    assert not await spool.resolve(one.item.queue_id)
    await spool.close()


@in_loop
async def test_a_settlement_that_meets_a_deletion_counts_for_exactly_one_of_them(
    disk: Disk, mail: Mail
) -> None:
    spool = await disk.open()
    leases = [lease for _ in range(50) for lease in await keep(spool, mail, lease=True)]

    async def settle(lease: Lease) -> bool:
        return (await spool.settle(Settlement(lease, None))).done

    deleted, *done = await asyncio.gather(spool.mutate(EVERYTHING, Change.DELETE), *map(settle, leases))
    assert deleted + sum(done) == 50
    assert await spool.count(EVERYTHING) == 0
    await spool.close()


@in_loop
async def test_what_comes_under_a_standing_hold_is_stored_held_and_leased_to_nobody(
    disk: Disk, mail: Mail
) -> None:
    spool = await disk.open()
    await spool.hold_new(Filter(recipient="one.example", held=False))
    await spool.hold_new(Filter(recipient="one.example"))
    assert spool.holds() == (Filter(recipient="one.example"),)
    leases = await keep(spool, mail, "a@one.example", "b@two.example", lease=True)
    assert [lease.item.destination for lease in leases] == ["mx:two.example"]
    await keep(spool, mail, "c@one.example", due_us=0)
    assert await spool.claim(PLENTY) == []
    assert await spool.count(Filter(held=True)) == 2
    assert (await spool.settle(Settlement(leases[0], None))).done
    await spool.close()


@in_loop
async def test_a_standing_hold_means_notices_too(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    (lease,) = await keep(spool, mail, lease=True)
    await spool.hold_new(Filter(sender="<>", recipient="alice@example.com"))
    settled = await spool.settle(Settlement(lease, None, (mail.notice(),)), lease_new=True)
    assert settled.done
    assert settled.leases == ()
    (row,) = await spool.select(EVERYTHING)
    assert row.message.is_notice
    assert row.item.held
    await spool.close()


@in_loop
async def test_a_standing_hold_survives_a_restart_and_ends_by_whatever_means_all_of_it(
    disk: Disk, mail: Mail
) -> None:
    spool = await disk.open()
    bob, news = Filter(recipient="bob@one.example"), Filter(sender="news@two.example", destination="mx:x")
    for rule in (bob, news, EVERYTHING):
        await spool.hold_new(rule)
    await spool.close()
    spool = await disk.open()
    assert set(spool.holds()) == {bob, news, EVERYTHING}
    for other in (
        Filter(recipient="eve@one.example"),
        Filter(destination="mx:y"),
        Filter(sender="one.example"),
    ):
        await spool.release_new(other)
    assert len(spool.holds()) == 3
    await spool.release_new(Filter(recipient="One.Example"))
    assert set(spool.holds()) == {news, EVERYTHING}
    await spool.release_new(Filter(queue_ids=(mail.message().queue_id,)))
    await spool.release_new(EVERYTHING)
    await spool.close()
    spool = await disk.open()
    assert spool.holds() == ()
    assert len(await keep(spool, mail, "bob@one.example", lease=True)) == 1
    await spool.close()


@in_loop
async def test_no_standing_hold_is_made_of_single_messages(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    with pytest.raises(ValueError, match="no queue id"):
        await spool.hold_new(Filter(queue_ids=(mail.message().queue_id,)))
    await spool.close()


@in_loop
async def test_mutate_reaches_more_items_than_a_page(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    await asyncio.gather(*(keep(spool, mail, lease=number % 3 == 0) for number in range(1200)))
    assert await spool.mutate(EVERYTHING, Change.HOLD) == 1200
    assert await spool.count(Filter(held=True)) == 1200
    assert await spool.mutate(EVERYTHING, Change.DELETE) == 1200
    assert await spool.count(EVERYTHING) == 0
    await spool.close()


@in_loop
async def test_stats_sum_up_by_destination_most_items_first(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    now = disk.clock.now
    for due_us in (now + 7, now + 3, now + 9):
        await keep(spool, mail, "a@one.example", due_us=due_us)
    await keep(spool, mail, "a@one.example", held=True)
    await keep(spool, mail, "a@two.example", lease=True)
    one, two = await spool.stats()
    assert (one.destination, one.items, one.held, one.next_due_us) == ("mx:one.example", 4, 1, now + 3)
    assert (two.destination, two.items, two.held, two.next_due_us) == ("mx:two.example", 1, 0, 0)
    assert now <= one.oldest_us < two.oldest_us <= now + 10
    assert await spool.stats(limit=1) == [one]
    await spool.close()


# -- rerouting -------------------------------------------------------------------------------------


@in_loop
async def test_a_rerouted_item_waits_at_its_new_destinations(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    (lease,) = await keep(spool, mail, "a@one.example", "b@one.example", lease=True)
    new = [replace(lease.item, destination=f"host:{n}", pending=(lease.item.pending[n],)) for n in range(2)]
    assert await spool.reroute(lease.item.queue_id, "mx:one.example", new)
    assert not (await spool.settle(Settlement(lease, None))).done
    assert {one.item for one in await spool.claim(PLENTY)} == set(new)
    assert not await spool.reroute(lease.item.queue_id, "mx:one.example", new)
    assert await spool.count(EVERYTHING) == 2
    await spool.close()


@in_loop
async def test_rerouting_to_where_the_message_waits_already_makes_one_item(disk: Disk, mail: Mail) -> None:
    spool = await disk.open()
    await keep(spool, mail, "a@one.example", "b@two.example", due_us=7)
    one, two = [row.item for row in await spool.select(EVERYTHING)]
    assert await spool.reroute(one.queue_id, one.destination, [replace(one, destination=two.destination)])
    (row,) = await spool.select(EVERYTHING)
    assert row.item == replace(two, pending=(Pending(0), Pending(1)))
    (lease,) = await spool.claim(PLENTY)
    assert (await spool.settle(Settlement(lease, None))).done
    assert await spool.count(EVERYTHING) == 0
    await spool.close()


@in_loop
async def test_rerouting_onto_a_running_try_is_refused(disk: Disk, mail: Mail) -> None:
    """Its settlement would forget the recipients that were added."""
    spool = await disk.open()
    one, two = await keep(spool, mail, "a@one.example", "b@two.example", lease=True)
    moved = replace(one.item, destination=two.item.destination)
    assert not await spool.reroute(one.item.queue_id, one.item.destination, [moved])
    assert (await spool.settle(Settlement(one, None))).done
    with pytest.raises(ValueError, match="without items"):
        await spool.reroute(two.item.queue_id, two.item.destination, [])
    await spool.close()


@in_loop
async def test_housekeeping_and_closing_twice_are_harmless(disk: Disk, mail: Mail) -> None:
    spool: Spool = await disk.open()
    await keep(spool, mail)
    await spool.maintain()
    assert await spool.count(EVERYTHING) == 1
    await spool.close()
    await spool.close()


@in_loop
async def test_the_newest_id_is_known_at_the_opening(disk: Disk, mail: Mail) -> None:
    """A62: so that a clock that was set back meanwhile makes no id that is stored already."""
    spool = await disk.open()
    assert spool.newest() is None
    leases = [lease for _ in range(3) for lease in await keep(spool, mail, lease=True)]
    await spool.settle(Settlement(leases[1], None))
    await spool.close()
    spool = await disk.open()
    assert spool.newest() == leases[2].item.queue_id
    await spool.close()
