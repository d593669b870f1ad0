"""Floor 3 · spool — the tables, and how an older database becomes a current one.

Forward only: `PRAGMA user_version` counts the steps applied. A step that has shipped never changes.

What each table is for, and why it looks so:
- `message`: one row a message, written once. *body* NULL: it is in a file (see blobs.py).
- `item`: one row for each destination of a message. *state* says leased or waiting. Only waiting
  items stand in the index `item_due`, so mail that is delivered at once never touches it.
- `lane`: one row for each destination with waiting items: no later than its first due time,
  perhaps earlier (claim corrects that). It is what makes a claim cheap: with a million items behind
  a dead destination, their lane is passed over without looking at one of them (A72).
- `damaged`: what did not read back, whole, for the operator.
- `hold`: one row a standing hold, the parts of its Filter; "" where it does not ask.
- `opening`: one row, how often the spool was opened, so that a fence number never comes twice.
"""

from typing import Final

import apsw

from mailrail.model import StoreError, StoreTrouble

# "mral", so that a database of something else is never taken for a spool.
APPLICATION_ID: Final = 0x6D72616C
# The first without the WAL-reset bug, which can lose commits when a second connection reads.
OLDEST_SQLITE: Final = "3.51.3"
WAITING: Final = 0
LEASED: Final = 1

STEPS: Final = (
    """
    CREATE TABLE message(id INTEGER PRIMARY KEY, record BLOB NOT NULL, body BLOB);
    CREATE TABLE item(
        message_id INTEGER NOT NULL, destination TEXT NOT NULL, due_us INTEGER NOT NULL,
        state INTEGER NOT NULL, attempts INTEGER NOT NULL, held INTEGER NOT NULL, warned INTEGER NOT NULL,
        sender TEXT NOT NULL, recipients TEXT NOT NULL, pending BLOB NOT NULL,
        PRIMARY KEY(message_id, destination)) WITHOUT ROWID;
    CREATE INDEX item_due ON item(destination, due_us) WHERE state = 0 AND held = 0;
    CREATE TABLE lane(destination TEXT PRIMARY KEY, next_due_us INTEGER) WITHOUT ROWID;
    CREATE INDEX lane_due ON lane(next_due_us);
    CREATE TABLE damaged(
        id INTEGER PRIMARY KEY, why TEXT NOT NULL, set_aside_us INTEGER NOT NULL,
        sender TEXT, recipients TEXT, record BLOB, body BLOB);
    CREATE TABLE opening(number INTEGER NOT NULL);
    INSERT INTO opening VALUES (0);
    """,
    """
    CREATE TABLE hold(
        sender TEXT NOT NULL, recipient TEXT NOT NULL, destination TEXT NOT NULL,
        PRIMARY KEY(sender, recipient, destination)) WITHOUT ROWID;
    """,
)


def check_library(version: str) -> None:
    """Refuse an SQLite that can lose commits.

    Raises:
        StoreError: UNSUITABLE.
    """
    if tuple(map(int, version.split("."))) < tuple(map(int, OLDEST_SQLITE.split("."))):
        raise StoreError(
            StoreTrouble.UNSUITABLE,
            f"SQLite {version} can lose commits (WAL-reset bug); mailrail needs {OLDEST_SQLITE} "
            "or later: pip install --upgrade apsw",
        )


def prepare(db: apsw.Connection, cache_bytes: int) -> None:
    """Set up the writer's connection and bring the tables up to date.

    Raises:
        StoreError: UNSUITABLE when the database belongs to a newer mailrail or to something else.
    """
    version = int(db.pragma("user_version"))
    if version > len(STEPS):
        raise StoreError(
            StoreTrouble.UNSUITABLE,
            f"the spool was written by a newer mailrail (format {version}, this one knows {len(STEPS)}): "
            "start that one, or drain the queue with it first",
        )
    owner = int(db.pragma("application_id"))
    if owner != APPLICATION_ID and (owner or version or db.execute("SELECT 1 FROM sqlite_schema").get):
        raise StoreError(StoreTrouble.UNSUITABLE, "spool.db is the database of another program")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute(f"PRAGMA cache_size = {-cache_bytes // 1024}")
    # A checkpoint every 16 MiB: long enough to fold many changes of one page into one write,
    # short enough to take milliseconds.
    db.execute("PRAGMA wal_autocheckpoint = 4096")
    db.execute("PRAGMA journal_size_limit = 67108864")
    for step in range(version, len(STEPS)):
        with db:
            db.execute(STEPS[step])
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {step + 1}")


def newest(db: apsw.Connection) -> int | None:
    """Return the highest message number that is in use, of damaged ones too."""
    found = db.execute(
        "SELECT max(coalesce(max(id), 0), coalesce((SELECT max(id) FROM damaged), 0)) FROM message"
    ).get
    return int(found) if found else None


def recover(db: apsw.Connection, now_us: int) -> tuple[int, int]:
    """End the leases of the process before: what it held is due (promise 5).

    Returns:
        The number of this opening, and how many items had been leased.
    """
    with db:
        db.execute(
            "INSERT INTO lane SELECT destination, min(min(due_us), ?) FROM item"
            " WHERE state = 1 AND held = 0 GROUP BY destination"
            " ON CONFLICT DO UPDATE SET next_due_us = excluded.next_due_us"
            " WHERE excluded.next_due_us < next_due_us",
            (now_us,),
        )
        opening = int(db.execute("UPDATE opening SET number = number + 1 RETURNING number").get)
        db.execute("UPDATE item SET state = 0, due_us = min(due_us, ?) WHERE state = 1", (now_us,))
    return opening, db.changes()
