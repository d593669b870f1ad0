"""Group commit with a writer that waits for a sign: who shares a commit with whom."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.spools import in_loop

from mailrail.model import StoreError
from mailrail.spool.batch import Batch, Written
from mailrail.spool.group import GroupCommit


class SlowWriter:
    """Notes what each batch holds; writes when told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Semaphore(0)

    def write(self, batch: Batch) -> Written:
        self.batches.append(list(batch.done_files))
        assert self.go.acquire(timeout=10)
        return Written()


class Note:
    """An operation that is only a number."""

    def __init__(self, number: int, *, is_last: bool = False) -> None:
        self.number = number
        self.is_last = is_last
        self.future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def enter(self, batch: Batch) -> None:
        batch.done_files.append(self.number)

    def clashes(self, numbers: frozenset[int]) -> bool:
        return False

    def finish(self, results: deque[object]) -> None:
        self.future.set_result(self.number)

    def fail(self, error: StoreError) -> None:
        self.future.set_exception(error)


class NoTrouble:
    def failed(self, error: StoreError, *, is_broken: bool) -> None:
        raise AssertionError(error)

    def written(self, batch: Batch) -> None: ...

    def remove_files(self, numbers: list[int]) -> None:
        raise AssertionError(numbers)


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0)


@in_loop
async def test_who_comes_while_a_commit_runs_shares_the_next(thread: ThreadPoolExecutor) -> None:
    writer = SlowWriter()
    group = GroupCommit(writer.write, thread, NoTrouble())
    notes = [Note(number) for number in range(10)]
    for note in notes[:3]:
        group.submit(note)
    await until(lambda: len(writer.batches) == 1)
    for note in notes[3:]:
        group.submit(note)
    writer.go.release()
    writer.go.release()
    assert await asyncio.gather(*(note.future for note in notes)) == list(range(10))
    assert writer.batches == [[0, 1, 2], [3, 4, 5, 6, 7, 8, 9]]


@in_loop
async def test_an_operation_that_may_end_leases_is_the_last_of_its_batch(thread: ThreadPoolExecutor) -> None:
    writer = SlowWriter()
    group = GroupCommit(writer.write, thread, NoTrouble())
    for _ in range(3):
        writer.go.release()
    for number in range(5):
        group.submit(Note(number, is_last=number in (1, 2)))
    await group.drain()
    assert writer.batches == [[0, 1], [2], [3, 4]]


@in_loop
async def test_drain_waits_for_what_is_pending_and_not_when_nothing_is(thread: ThreadPoolExecutor) -> None:
    writer = SlowWriter()
    group = GroupCommit(writer.write, thread, NoTrouble())
    await group.drain()
    note = Note(1)
    group.submit(note)
    writer.go.release()
    await asyncio.gather(group.drain(), group.drain())
    assert note.future.done()
