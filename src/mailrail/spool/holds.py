"""Floor 3 · spool — standing holds: mail that an operator keeps back before it has come. Pure.

A standing hold is a Filter that every new item is asked before it is stored. What is here already is
not its business: that is held, and released, by `mutate`.
"""

from collections.abc import Sequence
from dataclasses import replace

from mailrail.model import Item, Message
from mailrail.spool.api import Filter, NewMessage, Settlement
from mailrail.spool.filters import matches

Holds = tuple[Filter, ...]


def with_hold(holds: Holds, wanted: Filter) -> Holds:
    """Return *holds* and *wanted*, whose `held` does not count: nothing that comes was held before.

    Raises:
        ValueError: *wanted* names messages, and those are here already.
    """
    if wanted.queue_ids:
        raise ValueError("a standing hold is for mail that has not come yet, and that has no queue id")
    rule = replace(wanted, held=None)
    return holds if rule in holds else (*holds, rule)


def without_holds(holds: Holds, released: Filter) -> Holds:
    """Return *holds* without those whose mail *released* means, all of it."""
    return tuple(rule for rule in holds if released.queue_ids or not _covers(released, rule))


def hold_back(holds: Holds, message: Message, items: Sequence[Item]) -> tuple[Item, ...]:
    """Return *items* as they are to be stored: held if one of *holds* means them."""
    return tuple(
        replace(item, held=True) if any(matches(rule, message, item) for rule in holds) else item
        for item in items
    )


def hold_back_notices(holds: Holds, settlement: Settlement) -> Settlement:
    """Return *settlement* with its new messages as they are to be stored."""
    notices = [
        NewMessage(new.message, hold_back(holds, new.message, new.items), new.content)
        for new in settlement.new_messages
    ]
    return Settlement(settlement.lease, settlement.left, tuple(notices))


def _covers(released: Filter, rule: Filter) -> bool:
    if released.destination not in ("", rule.destination):
        return False
    return _covers_address(released.sender, rule.sender) and _covers_address(
        released.recipient, rule.recipient
    )


def _covers_address(released: str, held: str) -> bool:
    released, held = released.lower(), held.lower()
    return released in ("", held) or ("@" not in released and held.endswith(f"@{released}"))
