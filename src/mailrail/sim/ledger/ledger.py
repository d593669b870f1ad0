"""Floor 5 · sim — the ledger: what clients, strangers and nodes tell, held against what mailrail promises.

The promises, each a rule with a short name:

- *lost*: a recipient of a message that was answered 250 got nothing, its sender neither, and it waits nowhere;
- *duplicate*: delivered again although the node knew of the first time; excused only where the final reply was lost or the
  process died before it could write it down;
- *no notice*, *bounced twice*, *both*: one notice for each failure that owes one, none for what arrived;
- *notify*, *null sender*, *notice*: nobody is told who should not be;
- *refused*: what a client was told no about goes nowhere; excused only where a sync failed under it, when nobody can know;
- *altered*, *sender*, *stranger*, *invented*, *smuggled*: what arrives is what was sent, to whom it was sent;
- *retry*, *expiry*, *limit*: times and limits are kept;
- *protocol*, *own fault*: mailrail speaks SMTP as it should, and nothing of its own breaks.
"""

from collections.abc import Callable, Iterable

from mailrail.observe import Bus, Event
from mailrail.sim.ledger.arrivals import Arrivals
from mailrail.sim.ledger.books import Books, NodeFacts
from mailrail.sim.ledger.bound import Bound
from mailrail.sim.ledger.copy import Answered, Copy, Fortune, Meant, Violation, as_written
from mailrail.sim.ledger.ending import reckon
from mailrail.sim.ledger.leftovers import Leftover
from mailrail.sim.ledger.tries import Tries, queued_as
from mailrail.sim.posting import Posting, Wanted
from mailrail.sim.strangers import Handover
from mailrail.spool.events import SpoolBroken


class Ledger:
    """The books of one simulation; make it inside the running loop. A `Witness` of strangers.

    Attributes:
        stands_for: says for whom an address stands, where nodes have aliases.
    """

    def __init__(self) -> None:
        self.stands_for: Callable[[Wanted], Iterable[Meant]] = as_written
        self.books = Books()
        self._arrivals = Arrivals(self.books)
        self._tries = Tries(self.books)
        self._bounds: list[Bound] = []

    @property
    def violations(self) -> list[Violation]:
        """Every rule that was broken so far."""
        return self.books.violations

    # --- what honest clients tell

    def offered(self, posting: Posting, trial: int, node: str, wanted: Iterable[Wanted]) -> Copy:
        """Know that a client is about to send the final dot of a copy, for the recipients that were granted."""
        books = self.books
        key = posting.key(trial)
        fortunes: dict[str, Fortune] = {}
        for meant in (meant for one in wanted for meant in self.stands_for(one)):
            fortunes.setdefault(meant.wanted.address, Fortune.of(meant))
        copy = books.copies[key] = Copy(key, posting, trial, node, books.now_s(), fortunes)
        copy.note(books.now_s(), f"offered to {node} for {', '.join(fortunes)}")
        return copy

    def answered(self, copy: Copy, reply: str) -> None:
        """Know what the client heard to the final dot; "" where the connection broke."""
        books = self.books
        copy.answered_s = books.now_s()
        copy.note(books.now_s(), f"answered: {reply or 'nothing, the connection broke'}")
        if reply.startswith("250"):
            copy.answered = Answered.TAKEN
            books.counts["taken"] += 1
            books.counts["recipients"] += len(copy.fortunes)
            if queue_id := queued_as(reply):
                books.acknowledged[queue_id] = ("", books.now_s())
                self._tries.learn(queue_id, copy.key)
        else:
            # A sync that failed under it: whoever dies of that, or before the disk is cured, may find it stored.
            is_unsure = not reply or books.broken_s.get(copy.node, -1.0) >= copy.at_s
            copy.answered = Answered.LOST if is_unsure else Answered.REFUSED
            books.counts[copy.answered.value] += 1
            if reply and any(fortune.handovers for fortune in copy.fortunes.values()):
                books.break_rule("refused", f"delivered, and then the client was told: {reply}", copy)

    # --- what strangers tell

    def took(self, handover: Handover, content: bytes, /) -> None:
        """Know that a stranger keeps *content*."""
        self._arrivals.took(handover, content)

    def complain(self, host: str, client: str, words: str, /) -> None:
        """Know that *client* broke the rules of SMTP; only of a mailrail it matters."""
        if client in self.books.node_at:
            self.books.break_rule("protocol", f"{self.books.node_at[client]} to {host}: {words}")

    # --- what nodes tell

    def enrol(self, node: NodeFacts) -> None:
        """Know a node; the same again when its settings changed."""
        self.books.nodes[node.name] = node
        self.books.node_at.update((address, node.name) for address in node.addresses)

    def listen(self, node: str, bus: Bus) -> None:
        """Hear what *node*, which is enrolled, tells on *bus*."""
        tries, nodes = self._tries, self.books.nodes

        def hear(event: Event) -> None:
            tries.hear(nodes[node], event)

        def broke(_: Event) -> None:
            self.books.broken_s[node] = self.books.now_s()

        bus.listen(hear, tries.types)
        bus.listen(broke, [SpoolBroken])

    def crashed(self, node: str) -> None:
        """Know that *node* died without notice."""
        self.books.counts["crashes"] += 1
        self.books.crashes[node].append(self.books.now_s())

    # --- what operators do

    def acts(self, queue_id: str, *, is_delete: bool = False) -> None:
        """Know that an operator is about to change a message, or just has: when it is due is up to him."""
        self.books.acts_s[queue_id] = self.books.now_s()
        if is_delete:
            self.books.deleted.add(queue_id)
            self.books.counts["deleted"] += 1

    # --- limits

    def bound(self, words: str, most: float, read: Callable[[], float]) -> Bound:
        """Look from now on whether what *read* returns stays within *most*."""
        bound = Bound(words, most, read)
        self._bounds.append(bound)
        return bound

    def look(self) -> None:
        """Check all limits; call it often."""
        for bound in self._bounds:
            if fault := bound.look():
                self.books.break_rule("limit", fault)

    # --- the end

    def close(self, rest: Iterable[Leftover]) -> None:
        """Check that every copy has an end, or is in *rest*: what all spools keep."""
        self.look()
        reckon(self.books, rest)
