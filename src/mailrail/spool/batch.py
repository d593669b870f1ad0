"""Floor 3 · spool — what is written in one transaction: the rows of everybody who came meanwhile.

Rows are kept flat, parameter after parameter, because that is how they go to SQLite: 64 rows
in one statement. One statement a row would take and drop the interpreter's lock 64 times as
often, and the writer thread would fight the loop for it.
"""

from typing import Protocol, TypeVar

import apsw

from mailrail.model import FIRST_ONLY, Item, Message
from mailrail.spool.codec import FIRST_ONLY_BYTES, encode_pending
from mailrail.spool.filters import recipients_text, sender_text

T_co = TypeVar("T_co", covariant=True)
Value = str | int | bytes | None

MESSAGE_COLUMNS = 3
ITEM_COLUMNS = 10
KEY_COLUMNS = 2


class Work(Protocol[T_co]):
    """Something to do in the batch's transaction that is more than rows: a claim, a change."""

    def apply(self, db: apsw.Connection, /) -> T_co:
        """Do it; a StoreError fails this work alone, anything else the batch."""
        ...


class Batch:
    """One transaction.

    Attributes:
        messages: rows of `message`, flat.
        items: new rows of `item`, flat.
        left: rows of `item` that replace what is there, flat.
        lanes: destinations that got waiting items, with the earliest due time.
        done: keys of items that are gone, flat; a message goes with its last item.
        done_files: those of their messages whose content is in a file.
        back: keys of items whose lease ends without a try, flat.
        works: what comes after the rows, in order.
    """

    __slots__ = ("back", "done", "done_files", "items", "lanes", "left", "messages", "works")

    def __init__(self) -> None:
        self.messages: list[Value] = []
        self.items: list[Value] = []
        self.left: list[Value] = []
        self.lanes: dict[str, int] = {}
        self.done: list[Value] = []
        self.done_files: list[int] = []
        self.back: list[Value] = []
        self.works: list[Work[object]] = []

    @property
    def growth(self) -> int:
        """How many more items there are by its rows; its works say for themselves."""
        return len(self.items) // ITEM_COLUMNS - len(self.done) // KEY_COLUMNS

    def wait_for(self, destination: str, due_us: int) -> None:
        """Note that *destination* has an item that waits until *due_us*."""
        lanes = self.lanes
        if due_us < lanes.get(destination, 1 << 63):
            lanes[destination] = due_us


class Written:
    """What a batch came to.

    Attributes:
        results: of the works, in order; a StoreError stands for itself.
        gone_files: messages whose files are to be removed now.
    """

    __slots__ = ("gone_files", "results")

    def __init__(self) -> None:
        self.results: list[object] = []
        self.gone_files: list[int] = []


def item_row(number: int, message: Message, item: Item, state: int) -> tuple[Value, ...]:
    """Return the row of *item*; *number* is the message's key."""
    pending = item.pending
    if pending is FIRST_ONLY:  # as of nearly every item that is new
        recipients, owed = f"\n{message.envelope.recipients[0].forward_path.folded}\n", FIRST_ONLY_BYTES
    else:
        recipients, owed = recipients_text(message, item), encode_pending(pending)
    return (
        number,
        item.destination,
        item.due_us,
        state,
        item.attempts,
        item.held,
        item.warned,
        sender_text(message),
        recipients,
        owed,
    )
