"""Floor 5 · sim — the last reckoning: every copy that was answered 250 has an end, or still waits."""

from collections.abc import Iterable

from mailrail.sim.ledger.books import Books
from mailrail.sim.ledger.copy import Answered, Copy, Fortune
from mailrail.sim.ledger.leftovers import Leftover


def reckon(books: Books, rest: Iterable[Leftover]) -> None:
    """Hold all copies against what is left in the spools."""
    waiting: set[tuple[str, str]] = set()
    noticed: set[tuple[str, str]] = set()
    for one in rest:
        if one.key and one.key not in books.copies:
            books.break_rule("invented", f"{one.key} waits in a spool, and nobody sent it")
        group = noticed if one.is_notice else waiting
        group.update((one.key, path) for path in one.recipients)
        copy = books.copies.get(one.key)
        if copy is not None and not one.is_notice and copy.answered is Answered.REFUSED:
            books.break_rule("refused", "waits in a spool although its client was told no", copy)
    books.counts["queued"] = len(waiting)
    deleted = {books.keys.get(queue_id) for queue_id in books.deleted}
    for copy in books.copies.values():
        if copy.answered is Answered.TAKEN and copy.key not in deleted:
            for path, fortune in copy.fortunes.items():
                _reckon_one(books, copy, path, fortune, waiting, noticed)


def _reckon_one(
    books: Books,
    copy: Copy,
    path: str,
    fortune: Fortune,
    waiting: set[tuple[str, str]],
    noticed: set[tuple[str, str]],
) -> None:
    here = (copy.key, path)
    if fortune.is_over or here in waiting:
        return
    if not fortune.end:
        books.break_rule(
            "lost", f"{path} got nothing, its sender was told nothing, and it waits nowhere", copy
        )
        return
    is_owed = bool(copy.posting.sender) and fortune.wanted.is_owed_bounce
    if is_owed and here not in noticed and not copy.dead_notices:
        books.break_rule("no notice", f"{path} {fortune.end}, and the sender was not told", copy)
