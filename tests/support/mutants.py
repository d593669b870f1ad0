"""Test support: faults planted on purpose, in memory, to prove that the proofs would see them.

A mutant is a fault that somebody could make, in words, and how it is planted. What must find it is the sweep over power cuts, the
contract suite of spools on a simulated disk, or the books of a simulated fleet.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.contract import test_spool as contract
from tests.support.power_cuts import JOURNEYS, cuts_of, states_of, troubles
from tests.support.spools import Mail, simulated_disk

from mailrail.model import Item, QueueId, parse_id
from mailrail.spool import Filter, Lease, Settlement, SqliteSpool, database, opening, operations, schema
from mailrail.spool import writer as writing
from mailrail.spool.batch import Batch, Written, item_row
from mailrail.spool.blobs import Blobs
from mailrail.spool.changing import KeepHolds
from mailrail.spool.leases import Leases
from mailrail.spool.operations import GiveBackOperation, SettleOperation
from mailrail.spool.rows import Key
from mailrail.spool.writer import Writer

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault, and what is to find it.

    Attributes:
        journey: the journey whose sweep finds it; "" for the contract suite.
    """

    fault: str
    plant: Callable[[Patch], None]
    journey: str = ""


def swept(journey: str) -> Callable[[], str]:
    """Return the sweep over *journey* up to its first finding; what is right is found out now, with nothing planted."""
    (found,) = [one for one in JOURNEYS if one.name == journey]
    states = states_of(found)

    def look() -> str:
        try:
            return next(troubles(found, cuts_of(found), states), "")
        except AssertionError as error:  # a step itself saw it, before any power cut
            return f"{journey}: {error}"

    return look


def broken_promise() -> str:
    """Run the contract suite of spools on a simulated disk; return the first test that fails, and how."""
    for name, test in inspect.getmembers(contract, inspect.isfunction):
        if not name.startswith("test_") or set(inspect.signature(test).parameters) - {"disk", "mail"}:
            continue
        disk = simulated_disk(Path())
        arguments = {"disk": disk, "mail": Mail(disk.clock)}
        try:
            test(**{key: arguments[key] for key in inspect.signature(test).parameters})
        except (Exception, pytest.fail.Exception) as error:
            return f"{name}: {type(error).__name__}: {error}"
    return ""


# -- faults of durability --------------------------------------------------------------------------


class LateCommit:
    """A connection that commits when the next transaction begins: after the answer."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def execute(self, sql: str, *args: Any) -> object:
        if sql == "COMMIT":
            return None
        if sql.startswith("BEGIN") and not self._db.get_autocommit():
            self._db.execute("COMMIT")
        return self._db.execute(sql, *args)

    def __getattr__(self, name: str) -> object:
        return getattr(self._db, name)


def answer_before_the_commit(patch: Patch) -> None:
    write = Writer.write

    def early(self: Writer, batch: Batch) -> Written:
        db: object = self._db
        if not isinstance(db, LateCommit):
            self._db = LateCommit(self._db)  # type: ignore[assignment]
        return write(self, batch)

    patch.setattr(Writer, "write", early)


def set_synchronous(mode: str) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        def prepare(db: apsw.Connection, cache_bytes: int) -> None:
            schema.prepare(db, cache_bytes)
            db.execute(f"PRAGMA synchronous = {mode}")

        patch.setattr(database, "prepare", prepare)

    return plant


def sync_no_file(patch: Patch) -> None:
    def finish(self: Blobs, queue_id: QueueId, fd: int) -> None:
        self._disk.close(fd)
        self._disk.sync_directory(self.path(queue_id).parent)

    patch.setattr(Blobs, "finish", finish)


def sync_no_directory(patch: Patch) -> None:
    def finish(self: Blobs, queue_id: QueueId, fd: int) -> None:
        self._disk.sync(fd)
        self._disk.close(fd)

    patch.setattr(Blobs, "finish", finish)


def sync_nothing_above(patch: Patch) -> None:
    patch.setattr(opening, "secure_directory", lambda disk, path: None)


def settle_in_two_transactions(patch: Patch) -> None:
    write = Writer.write

    def twice(self: Writer, batch: Batch) -> Written:
        second = Batch()
        if batch.done or batch.left:
            for name in ("messages", "items", "lanes"):
                setattr(second, name, getattr(batch, name))
                setattr(batch, name, type(getattr(batch, name))())
        written = write(self, batch)
        if second.messages or second.lanes:
            write(self, second)
        return written

    patch.setattr(Writer, "write", twice)


def remove_the_file_before_the_row(patch: Patch) -> None:
    settle = SqliteSpool.settle

    def early(self: SqliteSpool, settlement: Settlement, *, lease_new: bool = False) -> Any:
        queue_id = settlement.lease.item.queue_id
        if settlement.left is None and self._ground.reader.count(Filter(queue_ids=(queue_id,))) == 1:
            self._ground.blobs.remove([queue_id])
        return settle(self, settlement, lease_new=lease_new)

    patch.setattr(SqliteSpool, "settle", early)


def forget_the_holds(patch: Patch) -> None:
    patch.setattr(KeepHolds, "apply", lambda self, db: None)


def compare_no_checksum(patch: Patch) -> None:
    patch.setattr(Blobs, "verify", lambda self, queue_id, size_bytes, crc: None)


# -- faults of leases, times and notices ------------------------------------------------------------


def lose_the_notice(patch: Patch) -> None:
    enter = SettleOperation.enter

    def silent(self: SettleOperation, batch: Batch) -> None:
        self._notices = ()
        enter(self, batch)

    patch.setattr(SettleOperation, "enter", silent)


def ignore_the_fence(patch: Patch) -> None:
    def end(self: Leases, lease: Lease) -> Key | None:
        key = (parse_id(lease.item.queue_id), lease.item.destination)
        fence = next((fence for fence, held in self._held.items() if held == key), 0)
        return self._held.pop(fence, None)

    patch.setattr(Leases, "end", end)


def settle_twice(patch: Patch) -> None:
    def end(self: Leases, lease: Lease) -> Key | None:
        return self._held.get(lease.fence)

    patch.setattr(Leases, "end", end)


def store_no_due_time(patch: Patch) -> None:
    def row(number: int, message: Any, item: Item, state: int) -> Any:
        return item_row(number, message, replace(item, due_us=0), state)

    patch.setattr(operations, "item_row", row)


def wake_nobody(patch: Patch) -> None:
    patch.setattr(Batch, "wait_for", lambda self, destination, due_us: None)


def keep_the_leases_of_the_dead(patch: Patch) -> None:
    patch.setattr(writing, "recover", lambda db, now_us: (1, 0))


def release_what_an_operator_held(patch: Patch) -> None:
    sql = writing._REPLACE_ITEM.replace("max(held, excluded.held)", "excluded.held")
    patch.setattr(writing, "_REPLACE_ITEM", sql)


def give_nothing_back(patch: Patch) -> None:
    patch.setattr(GiveBackOperation, "enter", lambda self, batch: None)


MUTANTS = (
    Mutant("250 before the commit", answer_before_the_commit, "accept small mail"),
    Mutant("settled before the commit", answer_before_the_commit, "settle small mail"),
    Mutant("synchronous = OFF", set_synchronous("OFF"), "accept small mail"),
    Mutant(
        "synchronous = NORMAL: the log is not synced at each commit",
        set_synchronous("NORMAL"),
        "accept many at once",
    ),
    Mutant("no sync of a large file", sync_no_file, "accept large mail"),
    Mutant("no sync of a large file's name", sync_no_directory, "accept large mail"),
    Mutant("no sync of the names above a new spool", sync_nothing_above, "open a new spool"),
    Mutant(
        "an outcome and its notice in two transactions", settle_in_two_transactions, "settle with a notice"
    ),
    Mutant("the file goes before its row", remove_the_file_before_the_row, "settle large mail"),
    Mutant("a standing hold that is not stored", forget_the_holds, "hold what comes"),
    Mutant("content is not compared with its checksum", compare_no_checksum, "set damage aside"),
    Mutant("an outcome without the notice that it owes", lose_the_notice, "settle with a notice"),
    Mutant("a fence that is ignored", ignore_the_fence),
    Mutant("the same lease settles twice", settle_twice),
    Mutant("the time of the next try is not stored", store_no_due_time),
    Mutant("nobody is woken for what waits", wake_nobody),
    Mutant("leases outlive their process", keep_the_leases_of_the_dead),
    Mutant("the end of a try releases what was put on hold meanwhile", release_what_an_operator_held),
    Mutant("leases are not given back", give_nothing_back),
)
