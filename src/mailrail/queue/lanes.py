"""Floor 4 · queue — a lane: one connection to a destination and the loop that feeds it.

A lane asks its desk, synchronously, for the next work, lets the carrier try it, and hands the
result back without waiting for the disk: the next message goes out while the last one's result
is being committed. With nothing to do it keeps its session open.

Its task is there for what there is to wait for: the first message, which needs a session, and whatever does not go the short
road of its carrier. Work that does is begun and concluded by call-backs, one after another, while the task waits on
one future; there is no task, no coroutine and no timer per message.

While one work is tried the carrier may ask for the next: a lane holds two at most. The one taken *ahead* is
concluded only by a try of its own. If its session ended before that it was never tried: it is, at once and anew, or goes
back to the spool where the destination is not to be tried any more.
"""

import asyncio
import traceback
from typing import Protocol

from mailrail.model import (
    Attempt,
    Blame,
    Deferred,
    LocalProtocolError,
    Reply,
    StoreError,
    StoreTrouble,
    reply,
)
from mailrail.queue.api import Carrier, Courier, Job
from mailrail.queue.destination import Destination, Work
from mailrail.queue.jumps import ClockJumps
from mailrail.spool import Spool


class Desk(Protocol):
    """Who gives a lane its work; every method is synchronous."""

    def next_work(self, destination: Destination) -> Work | None:
        """Return the next work of *destination*, where some waits, if it may be tried now."""
        ...

    def work_ahead(self, destination: Destination) -> Work | None:
        """Return the next work, where some waits, if it is one that may be begun before the one that is being tried has ended."""
        ...

    def may_try(self, destination: Destination) -> bool:
        """Tell whether a lane of *destination* may begin another try now."""
        ...

    def untried(self, destination: Destination, work: Work) -> None:
        """Take back work that was not tried, or not to an end."""
        ...

    def may_rest(self, lane: "Lane") -> bool:
        """Take note of a lane without work; False: it is to close at once."""
        ...

    def tried(self, destination: Destination, work: Work, attempt: Attempt) -> None:
        """Take the result of a try."""
        ...

    def crashed(self, destination: Destination, queue_id: str, stack: str) -> None:
        """Know that a fault of our own ended a try, or the lane when it had no work: then *queue_id* is empty."""
        ...

    def damaged(self, destination: Destination, work: Work, error: StoreError) -> None:
        """Know that the content cannot be read back."""
        ...


class Lane:
    """One connection's worth of work.

    Attributes:
        destination: where it goes.
        work: what it holds: being tried, or about to be. What is left here when the lane ends was
            not settled and goes back to the spool.
        ahead: what it holds besides: to be tried next, and perhaps begun; it goes back likewise.
        idle_since_s: loop time since when it has nothing to do.
        courier: who made its carrier.
        is_outdated: a new lane would go by other settings: then it is to take the place of this one.
    """

    __slots__ = (
        "_carrier", "_desk", "_jumps", "_loop", "_spool", "_waiter", "ahead", "courier", "destination",
        "idle_since_s", "is_outdated", "work",
    )  # fmt: skip

    def __init__(
        self,
        destination: Destination,
        courier: Courier,
        work: Work,
        desk: Desk,
        spool: Spool,
        jumps: ClockJumps,
    ) -> None:
        self.destination = destination
        self.work: Work | None = work
        self.ahead: Work | None = None
        self.idle_since_s = 0.0
        self.courier = courier
        self.is_outdated = False
        self._carrier: Carrier | None = None
        self._desk = desk
        self._spool = spool
        self._jumps = jumps
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None

    def give(self, work: Work | None) -> None:
        """End its idleness with *work*, or with None: close."""
        if work is not None and self._is_ended():  # cancelled, and not yet gone from where it rested
            self._desk.untried(self.destination, work)
            return
        self.work = work
        if work is None or not self._goes_on():
            self._wake()

    async def run(self) -> None:
        """Carry the first work and what follows, until the desk has no more and the idle time is over."""
        try:
            while (work := self.work) is not None:
                try:
                    await self._try(work)
                    self.work = self._following()
                    self._waiter = waiter = self._loop.create_future()
                    goes_on = self._goes_on()
                except Exception:  # the desk's: a lane that cannot go on must not end the queue
                    self._tell_crash(work, traceback.format_exc())
                    break
                if goes_on:
                    await waiter
        finally:
            await self._close()

    def _goes_on(self) -> bool:
        """Begin the work at hand by the short road, or rest without one; False: there is something for the task to do."""
        work, carrier = self.work, self._carrier
        if work is None:
            # Only an open session is worth keeping: with none, a new lane is as quick.
            return self._is_open() and not self.is_outdated and self._desk.may_rest(self)
        if carrier is None or not isinstance(work, Job):
            return False
        try:
            return carrier.try_begin(self._as_of_now(work), self._take_ahead, self._came)
        except Exception:  # the same boundary as in `_try`
            # Told later, for here others may be in the midst of things.
            self._loop.call_soon(self._crashed, work, traceback.format_exc())
            return True

    def _came(self) -> None:
        """Conclude what went the short road, and go on."""
        work, carrier = self.work, self._carrier
        try:
            assert work is not None
            assert carrier is not None
            attempt = carrier.attempt()
            if attempt is not None:
                _check(attempt, work)
                self.work = None
                self._desk.tried(self.destination, work, attempt)
                if self._is_ended():  # what went ahead must not be sent: it is about to be given back
                    return
                self.work = self._following()
            if attempt is None or not self._goes_on():
                self._wake()
        except Exception:  # the same boundary
            self._crashed(work, traceback.format_exc())

    def _crashed(self, met: Work | None, stack: str) -> None:
        """End the lane after a fault of our own, met at *met*; what it had begun ahead goes back."""
        if self._is_ended():  # and what it holds given back
            self._tell_crash(met, stack)
            return
        work, self.work = self.work, None
        try:
            if work is not None:
                self._desk.tried(self.destination, work, _by_our_fault(work, reply.INTERNAL_ERROR))
        finally:
            self._tell_crash(met, stack)
            self._wake()

    def _tell_crash(self, work: Work | None, stack: str) -> None:
        try:
            self._desk.crashed(self.destination, "" if work is None else work.lease.item.queue_id, stack)
        except Exception as error:  # where not even this can be told, the mail goes on all the same
            self._loop.call_exception_handler({"message": "A crash could not be told", "exception": error})

    def _is_ended(self) -> bool:
        """Tell whether nobody waits for what comes by call-backs: the task was cancelled, though it may not have run since."""
        return self._waiter is None or self._waiter.done()

    def _wake(self) -> None:
        """Let the task go on: with `work`, or to the end."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _take_ahead(self) -> Job | None:
        """Take the next work for the carrier, while it tries another."""
        # One that must be read first may be there already.
        if not self.destination.waiting.size or self.ahead is not None or self.is_outdated:
            return None
        try:
            self.ahead = work = self._desk.work_ahead(self.destination)
        except Exception:  # the same boundary: the session goes on, with nothing ahead
            self._loop.call_soon(self._tell_crash, None, traceback.format_exc())
            return None
        return self._as_of_now(work) if isinstance(work, Job) else None

    def _as_of_now(self, job: Job) -> Job:
        """Return *job* with what the clock was stepped by until now: nearly always it was not."""
        if not self._jumps.has_any:
            return job
        return Job(job.lease, job.content, self._jumps.stepped_us(job.lease.message.release_us))

    def _following(self) -> Work | None:
        """Return what is to be tried next."""
        desk, destination, work = self._desk, self.destination, self.ahead
        if work is None:
            return desk.next_work(destination) if destination.waiting.size and not self.is_outdated else None
        has_begun = self._carrier is not None and self._carrier.has_gone_ahead
        goes_on = has_begun or (desk.may_try(destination) and not self.is_outdated)
        self.ahead = None  # only now: after a fault it goes back with the lane
        if goes_on:
            return work
        desk.untried(destination, work)
        return None

    def _is_open(self) -> bool:
        return self._carrier is not None and self._carrier.is_open

    async def _try(self, work: Work) -> None:
        desk, destination = self._desk, self.destination
        job = work if isinstance(work, Job) else None
        try:
            if job is None:
                job = Job(work.lease, await self._spool.open(work.lease.item.queue_id))
            if self._carrier is None:
                self._carrier = self.courier.carrier(destination.key, work.lease)
            attempt = await self._carrier.carry(self._as_of_now(job), self._take_ahead)
            _check(attempt, work)
        except StoreError as error:
            self.work = None
            if error.trouble is StoreTrouble.DAMAGED:
                desk.damaged(destination, work, error)
            else:
                desk.tried(destination, work, _by_our_fault(work, reply.STORE_FAILED))
        except Exception:  # the attempt is a task boundary (STYLE §18): the mail is kept
            self.work, stack = None, traceback.format_exc()
            desk.tried(destination, work, _by_our_fault(work, reply.INTERNAL_ERROR))
            self._tell_crash(work, stack)
        else:
            self.work = None
            desk.tried(destination, work, attempt)
        finally:
            if job is not None and job is not work:
                job.content.close()

    async def _close(self) -> None:
        if self._carrier is None:
            return
        try:
            await self._carrier.close()
        except Exception:  # the same boundary: a lane that cannot end well must not end the queue
            self._tell_crash(None, traceback.format_exc())


def _check(attempt: Attempt, work: Work) -> None:
    """Refuse an attempt that does not say what became of each recipient."""
    owed = len(work.lease.item.pending)
    if len(attempt.outcomes) != owed:
        raise LocalProtocolError(f"{len(attempt.outcomes)} outcomes for {owed} pending recipients")


def _by_our_fault(work: Work, why: Reply) -> Attempt:
    """Return the result of a try that our own disk, or a fault of ours, prevented."""
    return Attempt((Deferred(Blame.OURSELVES, why),) * len(work.lease.item.pending))
