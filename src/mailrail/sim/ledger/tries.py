"""Floor 5 · sim — what nodes tell: their tries, when the next ones are due, and faults of their own."""

import math
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from mailrail.model import SECOND_US, Blame
from mailrail.observe import Event
from mailrail.queue.events import (
    AttemptCrashed,
    ClockStepped,
    MessageDamaged,
    RecipientDeferred,
    RecipientDelivered,
    RecipientExpired,
    RecipientFailed,
    ResultNotStored,
)
from mailrail.report.events import NoticeMade
from mailrail.server.events import SessionFailed
from mailrail.sim.ledger.books import Books, NodeFacts
from mailrail.sim.ledger.copy import Copy, Fortune

_QUEUED_AS: Final = re.compile(r"Queued as ([0-9A-Za-z]{11})\b")
_EARLY_S: Final = 1.0  # rounding, and a poll of the spool
_STEP_S: Final = 1.0
_ACT_S: Final = 60.0  # the longest that it takes to make items due, on a slow disk
_KEPT_EVENTS: Final = 20  # of a message that is not known yet

Tried = RecipientDelivered | RecipientDeferred | RecipientFailed | RecipientExpired


def queued_as(reply: str) -> str:
    """Return the queue id that a 250 of mailrail names, "" if it names none."""
    found = _QUEUED_AS.search(reply)
    return found[1] if found else ""


class Tries:
    """Judges what nodes tell; hears of a message before its client does, and keeps that until it is known."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._unknown: defaultdict[str, list[tuple[str, float, Event]]] = defaultdict(list)
        self._due: dict[tuple[str, str, str], tuple[float, int, float]] = {}
        self._set_back_s: dict[str, float] = {}  # when each node last noticed that its clock was set back
        self._offsets: defaultdict[str, set[int]] = defaultdict(set)  # that each node's clock had
        self._steps: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)  # when, new offset
        self._judges: dict[type[Event], Callable[[NodeFacts, Event], None]] = {
            ClockStepped: self._stepped,
            AttemptCrashed: self._own_fault,
            SessionFailed: self._own_fault,
            MessageDamaged: self._own_fault,
            ResultNotStored: self._not_stored,
            NoticeMade: self._notice_made,
            RecipientDelivered: self._tried,
            RecipientDeferred: self._tried,
            RecipientFailed: self._tried,
            RecipientExpired: self._tried,
        }

    @property
    def types(self) -> tuple[type[Event], ...]:
        """The events that are judged."""
        return tuple(self._judges)

    def hear(self, node: NodeFacts, event: Event) -> None:
        """Judge *event*."""
        self._judges[type(event)](node, event)

    def learn(self, queue_id: str, key: str) -> None:
        """Know which copy *queue_id* is, and catch up on what was told of it."""
        books = self._books
        books.keys[queue_id] = key
        for node, at_s, event in self._unknown.pop(queue_id, ()):
            self._write(books.nodes[node], at_s, event)

    # --- kinds of events

    def _own_fault(self, node: NodeFacts, event: Event) -> None:
        self._books.break_rule("own fault", f"{node.name}: {event}", self._books.copy_of(event.queue_id))

    def _stepped(self, node: NodeFacts, event: Event) -> None:
        assert isinstance(event, ClockStepped)
        now_s = self._books.now_s()
        self._steps[node.name].append((now_s, self._offset_s(node)))
        if event.step_s < 0:  # then everything is tried, also what was put off since
            self._set_back_s[node.name] = now_s

    def _not_stored(self, node: NodeFacts, event: Event) -> None:
        assert isinstance(event, ResultNotStored)
        self._books.unstored_s[event.queue_id] = self._books.now_s() + event.retry_s

    def _notice_made(self, node: NodeFacts, event: Event) -> None:
        assert isinstance(event, NoticeMade)
        self._books.counts["notices"] += 1
        self._books.notices.add(event.notice_id)
        if (key := self._books.keys.get(event.queue_id)) is not None:
            self._books.keys[event.notice_id] = key
        else:
            self._keep(node, event)

    def _tried(self, node: NodeFacts, event: Event) -> None:
        assert isinstance(event, Tried)
        self._books.counts[type(event).__name__] += 1
        if queue_id := queued_as(event.reply):
            self._books.acknowledged[queue_id] = (node.name, self._books.now_s())
        self._judge_time(node, event)
        if event.queue_id in self._books.keys:
            self._write(node, self._books.now_s(), event)
        else:
            self._keep(node, event)

    def _keep(self, node: NodeFacts, event: Event) -> None:
        kept = self._unknown[event.queue_id]
        if len(kept) < _KEPT_EVENTS or not isinstance(event, RecipientDeferred):
            kept.append((node.name, self._books.now_s(), event))

    def _write(self, node: NodeFacts, at_s: float, event: Event) -> None:
        """Write down what happened to a copy that is known by now."""
        copy = self._books.copy_of(event.queue_id)
        if copy is None:
            return
        if isinstance(event, NoticeMade):
            self.learn(event.notice_id, copy.key)
            return
        assert isinstance(event, Tried)
        word = type(event).__name__.removeprefix("Recipient").lower()
        copy.note(at_s, f"{node.name} {word} {event.queue_id} for {event.recipient}: {event.reply}")
        if event.queue_id in self._books.notices:
            copy.dead_notices += isinstance(event, RecipientFailed | RecipientExpired)
        elif (fortune := copy.fortunes.get(event.recipient)) is not None:
            self._count(node, at_s, copy, fortune, event)
        if isinstance(event, RecipientExpired):
            self._judge_age(node, at_s, copy, event)

    def _count(self, node: NodeFacts, at_s: float, copy: Copy, fortune: Fortune, event: Tried) -> None:
        fortune.attempts = max(fortune.attempts, event.attempts)
        if not isinstance(event, RecipientDelivered):
            fortune.trouble = event.reply
        match event:
            case RecipientDeferred():
                fortune.deferrals += 1
            case RecipientFailed() | RecipientExpired():
                if not fortune.end:
                    self._books.counts["ended"] += 1
                fortune.end = "failed" if isinstance(event, RecipientFailed) else "expired"
            case RecipientDelivered():
                if queue_id := queued_as(event.reply):
                    self.learn(queue_id, copy.key)
                if event.destination.startswith("agent:") and fortune.waited_s is None:
                    fortune.waited_s = at_s - copy.at_s
                fortune.is_gone = fortune.is_gone or event.destination in node.traceless

    # --- times

    def _judge_age(self, node: NodeFacts, at_s: float, copy: Copy, event: RecipientExpired) -> None:
        """Hold the end of patience against the age of the copy; a clock that was set may be off by so much."""
        retry, offsets = node.queue.retry, self._offsets[node.name]
        is_notice = event.queue_id in self._books.notices or not copy.posting.sender
        least_s = retry.give_up_notice_s if is_notice else retry.give_up_s
        age_s = at_s - copy.at_s
        if age_s + max(offsets) - min(offsets) < least_s - _EARLY_S - _STEP_S:
            words = (
                f"{node.name} gave {event.recipient} up after {age_s:.0f} s, and {least_s} s were promised"
            )
            self._books.break_rule("expiry", words, copy)

    def _judge_time(self, node: NodeFacts, event: Tried) -> None:
        """Hold a try against the time it was due, and a deferral against the bounds of the schedule."""
        books = self._books
        name = (node.name, event.queue_id, event.recipient)
        due_s, offset_s, told_s = self._due.pop(name, (0.0, 0, 0.0))
        now_us = node.now_us()
        offset_now_s = self._offset_s(node)
        self._offsets[node.name].add(offset_now_s)
        is_early = books.now_s() < due_s - _EARLY_S and abs(offset_now_s - offset_s) <= _STEP_S
        # A try is told of at its end: it may have begun while the clock stood ahead.
        stood_ahead = any(
            at_s >= told_s and ahead_s > offset_s + _STEP_S for at_s, ahead_s in self._steps[node.name]
        )
        # What could not be stored before it died, a node does not know afterwards.
        wanted_s = max(
            books.acts_s.get(event.queue_id, -math.inf), self._set_back_s.get(node.name, -math.inf)
        )
        is_wanted = stood_ahead or told_s <= wanted_s + _ACT_S
        if is_early and not is_wanted and not books.has_died(node.name, told_s, event.queue_id):
            words = f"{node.name} tried {event.recipient} {due_s - books.now_s():.0f} s before it was due"
            books.break_rule("retry", words, books.copy_of(event.queue_id))
        if isinstance(event, RecipientDeferred) and event.next_us:
            wait_s = (event.next_us - now_us) / SECOND_US
            self._due[name] = (books.now_s() + wait_s, offset_now_s, books.now_s())
            if fault := _wait_fault(node, event, wait_s, is_notice=event.queue_id in books.notices):
                books.break_rule("retry", f"{node.name}: {fault}", books.copy_of(event.queue_id))

    def _offset_s(self, node: NodeFacts) -> int:
        """Return by how much the clock of *node* differs from the time of the simulation."""
        return round(node.now_us() / SECOND_US - self._books.now_s())


def _wait_fault(node: NodeFacts, event: RecipientDeferred, wait_s: float, *, is_notice: bool) -> str:
    """Return what is wrong with the wait that *event* tells of, "" if nothing is."""
    retry, window = node.queue.retry, node.queue.window
    longest_s = max(retry.longest_s, retry.ours_s, retry.first_s)
    most_s = max(longest_s, window.sleep_longest_s) * (1 + retry.spread) + _EARLY_S
    if wait_s > most_s:
        return f"{event.recipient} waits {wait_s:.0f} s, longer than {most_s:.0f} s"
    is_ours = event.blame == Blame.OURSELVES.value
    least_s = (retry.ours_s if is_ours else retry.first_s) * (1 - retry.spread) - _EARLY_S
    # The last try falls on the hour at which the message is given up, however soon that is, or on its destination's waking.
    give_up_s = retry.give_up_notice_s if is_notice else retry.give_up_s
    last_s = event.delay_s + wait_s + 2
    is_last = any(event.delay_s < end_s < last_s for end_s in (give_up_s, retry.give_up_notice_s))
    # And one falls on the hour of the warning, which is told with it.
    is_warning = event.delay_s < retry.warn_s < last_s and wait_s >= retry.first_s - _EARLY_S
    is_short = wait_s < min(least_s, retry.ours_s * (1 - retry.spread) - _EARLY_S)
    if is_short and not is_last and not is_warning:
        return f"{event.recipient} waits only {wait_s:.0f} s, shorter than {least_s:.0f} s"
    return ""
