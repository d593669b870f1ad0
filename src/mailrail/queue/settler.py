"""Floor 4 · queue — writing down what a try came to, however long the disk takes.

Nobody waits for the common case: the spool's promise gets a callback. What went wrong with the
disk never goes wrong with the mail: a result is kept in memory and offered to the spool again and
again, and the message stays leased meanwhile, so that it is not sent twice while this process lives
(A68). The notices that an outcome owes go into the same transaction.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from mailrail.model import Clock, Delivered, Item, Message, Outcome, StoreError, StoreTrouble
from mailrail.observe import Bus
from mailrail.promise import Promise
from mailrail.queue import deadline
from mailrail.queue.api import Notifier
from mailrail.queue.decide import Decision
from mailrail.queue.destination import Work
from mailrail.queue.events import MessageDamaged, ResultNotStored
from mailrail.queue.jumps import ClockJumps
from mailrail.spool import Lease, NewMessage, Settled, Settlement, Spool

FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0


class Settler:
    """Settles works; each ends with one call of *done*, once it is stored, with the leases of the notices it made.

    Args:
        start: runs a coroutine in the manager's task group.
        has_room: tells whether notices may be delivered from memory at once.

    Attributes:
        notifier: knows whom we owe a word.
    """

    def __init__(
        self,
        spool: Spool,
        notifier: Notifier,
        clock: Clock,
        bus: Bus,
        jumps: ClockJumps,
        *,
        start: Callable[[Coroutine[Any, Any, None]], object],
        done: Callable[[Work, Decision, Sequence[Lease]], None],
        has_room: Callable[[], bool],
    ) -> None:
        self._spool = spool
        self.notifier = notifier
        self._clock = clock
        self._bus = bus
        self._jumps = jumps
        self._start = start
        self._done = done
        self._has_room = has_room

    def settle(self, work: Work, decision: Decision) -> None:
        """Store *decision*; returns at once, and keeps it whatever fault there is (STYLE §18)."""
        if decision.delayed or (decision.finals and self._owes(work.lease.message, decision.finals)):
            self._start(self._settle_stubbornly(work, decision, None))
            return
        try:
            stored = self._spool.settle(Settlement(work.lease, decision.left))
        except Exception as error:
            self._start(self._settle_stubbornly(work, decision, error))
        else:
            stored.add_done_callback(partial(self._stored, work, decision))

    def hold(self, work: Work, error: StoreError) -> None:
        """Keep *work*, whose content cannot be read, for the operator."""
        self._damaged(work.lease.item, error)
        self.settle(work, Decision(replace(work.lease.item, held=True), ()))

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """End *leases* without a try, however long the disk takes."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                await self._spool.give_back(leases)
            except StoreError as error:
                self._tell(leases[0].item, error, retry_s)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
            else:
                return

    def _owes(self, message: Message, finals: Sequence[tuple[int, Outcome]]) -> bool:
        """Tell whether somebody may be owed a word of *finals*."""
        try:
            return self.notifier.is_owed(message, finals)
        except Exception:  # it is found again, and told, where the notices are made
            return True

    def _stored(self, work: Work, decision: Decision, stored: Promise[Settled]) -> None:
        error = stored.exception()
        if error is None:
            self._done(work, decision, ())
        elif not stored.cancelled():
            self._start(self._settle_stubbornly(work, decision, error))

    async def _settle_stubbornly(self, work: Work, decision: Decision, error: BaseException | None) -> None:
        """Try until the spool has taken *decision*, beginning after a pause if *error* came before."""
        retry_s, notices = FIRST_RETRY_S, None
        is_late = self._is_late(work.lease.message)  # now, for a disk that takes long makes nothing late
        while True:
            if error is not None:
                self._tell(work.lease.item, error, retry_s)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
            try:
                if notices is None:
                    notices = await self._notices(work, decision, is_late=is_late)
                settled = await self._spool.settle(
                    Settlement(work.lease, decision.left, notices), lease_new=self._has_room()
                )
            except StoreError as trouble:
                error = trouble
                if trouble.trouble is StoreTrouble.DAMAGED and notices is None:
                    decision = self._without_notices(work, decision, trouble)
            except Exception as fault:  # the result must outlive any fault of ours (STYLE §18)
                error = fault
            else:
                self._done(work, decision, settled.leases)
                return

    async def _notices(self, work: Work, decision: Decision, *, is_late: bool) -> tuple[NewMessage, ...]:
        message, finals = work.lease.message, decision.finals
        if not decision.delayed and not (finals and self.notifier.is_owed(message, finals)):
            return ()
        content = work.content or await self._spool.open(message.queue_id)
        try:
            return await self.notifier.notices(
                message,
                content,
                (*finals, *decision.delayed),
                delayed=[index for index, _ in decision.delayed],
                retry_until_us=decision.retry_until_us,
                is_late=is_late,
            )
        finally:
            if content is not work.content:
                content.close()

    def _is_late(self, message: Message) -> bool:
        return deadline.is_late(message, self._jumps.age_s(message.release_us, self._clock.now_us()))

    def _without_notices(self, work: Work, decision: Decision, error: StoreError) -> Decision:
        """Hold what cannot be told to its sender, because the original cannot be read, for the operator."""
        item = work.lease.item
        self._damaged(item, error)
        return Decision(held_item(item, decision), ())

    def _damaged(self, item: Item, error: StoreError) -> None:
        self._bus.emit(MessageDamaged(queue_id=item.queue_id, destination=item.destination, error=str(error)))

    def _tell(self, item: Item, error: BaseException, retry_s: float) -> None:
        self._bus.emit(
            ResultNotStored(
                queue_id=item.queue_id, destination=item.destination, error=str(error), retry_s=retry_s
            )
        )


def held_item(item: Item, decision: Decision) -> Item | None:
    """Return *item* on hold with the recipients that were not delivered, None when all were."""
    delivered = {index for index, outcome in decision.finals if isinstance(outcome, Delivered)}
    pending = tuple(one for one in item.pending if one.index not in delivered)
    return replace(item, pending=pending, attempts=item.attempts + 1, held=True) if pending else None
