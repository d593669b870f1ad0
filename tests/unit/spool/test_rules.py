from mailrail.model import Item, Pending, QueueId
from mailrail.spool.rules import merged

ID = QueueId("0123456789B")


def test_merged_items_owe_what_both_owe() -> None:
    there = Item(ID, "a", (Pending(1, "451 later"), Pending(3)), attempts=2, due_us=50, warned=True)
    new = Item(ID, "a", (Pending(0), Pending(1)), attempts=0, due_us=90, held=True)
    both = merged(there, new)
    assert both.pending == (Pending(0), Pending(1, "451 later"), Pending(3))
    assert (both.attempts, both.due_us, both.warned, both.held) == (2, 50, False, True)
