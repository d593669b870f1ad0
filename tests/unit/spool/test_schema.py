import apsw
import pytest

from mailrail.model import StoreError, StoreTrouble
from mailrail.spool import changing, claiming, reader, writer
from mailrail.spool.schema import check_library, prepare, recover


@pytest.fixture
def db() -> apsw.Connection:
    db = apsw.Connection(":memory:")
    prepare(db, 2**20)
    return db


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.9.99"])
def test_an_sqlite_that_can_lose_commits_is_refused(version: str) -> None:
    with pytest.raises(StoreError, match="can lose commits") as caught:
        check_library(version)
    assert caught.value.trouble is StoreTrouble.UNSUITABLE


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "4.0.0"])
def test_a_current_sqlite_is_taken(version: str) -> None:
    check_library(version)


def test_every_opening_has_a_number_of_its_own(db: apsw.Connection) -> None:
    assert [recover(db, 0) for _ in range(3)] == [(1, 0), (2, 0), (3, 0)]


def plan(db: apsw.Connection, sql: str, *values: object) -> str:
    return "\n".join(str(row[3]) for row in db.execute("EXPLAIN QUERY PLAN " + sql, values))


def test_a_claim_never_scans_items(db: apsw.Connection) -> None:
    """A72: with a million items, what is not due, or is behind a busy destination, is not looked at."""
    names = apsw.carray(("a",))
    assert "SEARCH lane USING COVERING INDEX lane_due (next_due_us<?)" in plan(
        db, claiming._DUE_LANES, 1, names, 5
    )
    taking = plan(db, claiming._TAKE, "a", 1, 5)
    assert "USING COVERING INDEX item_due (destination=? AND due_us<?)" in taking
    assert "SCAN item" not in taking
    assert "TEMP B-TREE" not in taking
    correcting = plan(db, claiming._CORRECT_LANES, names)
    assert "SEARCH item USING COVERING INDEX item_due (destination=?)" in correcting
    assert "SCAN item" not in correcting
    assert "lane_due" in plan(db, reader._NEXT_DUE, names)


def test_a_settlement_finds_its_rows_by_key(db: apsw.Connection) -> None:
    deleting = plan(
        db, "DELETE FROM item WHERE (message_id, destination) IN (VALUES (?,?),(?,?))", 1, "a", 2, "b"
    )
    assert "SEARCH item USING PRIMARY KEY (message_id=? AND destination=?)" in deleting
    emptying = plan(db, writer._DELETE_EMPTY, 1)
    assert "SCAN item" not in emptying
    assert "SCAN message" not in emptying


def test_a_page_of_changes_finds_its_rows_by_key(db: apsw.Connection) -> None:
    waking = plan(db, changing._WAKE_LANES, "[]")
    assert "SEARCH item USING PRIMARY KEY (message_id=? AND destination=?)" in waking
    deleting = plan(db, f"DELETE FROM item WHERE {changing._IN_PAGE}", "[]")
    assert "SEARCH item USING PRIMARY KEY (message_id=? AND destination=?)" in deleting
