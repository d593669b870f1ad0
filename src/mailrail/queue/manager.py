"""Floor 4 · queue — the manager: decides, synchronously, what is tried when.

The model is Postfix's scheduler. A *destination* is where mail goes next; it has waiting work, a
window of lanes, and may be asleep. Work comes in by two ways: just-accepted mail is offered
from memory, everything else is claimed from the spool when it is due and there is room. Three laws:

1. Memory is bounded. No destination holds more than half of the room that is left, so that one that
   is slow leaves room for the others however much mail it has (A72).
2. A sleeping destination holds nothing: its work is put off, a little at a time, with the words that put it to sleep,
   by the same schedule as after a try; so it is warned of and expires in time.
3. A work is in memory until the spool has taken its result; nothing else frees its place.

Each method decides and acts on plain state; waiting is done in lanes, settler and feeder.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from mailrail.model import Attempt, Blame, Clock, Reply, Rng, StoreError
from mailrail.observe import Bus
from mailrail.queue.api import Courier, Job, Notifier
from mailrail.queue.chores import Chores
from mailrail.queue.decide import DONE, Decision, Moment, condemned, decide, is_quiet_end, trouble
from mailrail.queue.destination import Destination, Unread, Work
from mailrail.queue.destinations import Destinations
from mailrail.queue.ends import Ends, ItemKey
from mailrail.queue.events import AttemptCrashed, DestinationAsleep, DestinationAwake, RecipientDelivered
from mailrail.queue.feeder import BATCH, Feeder
from mailrail.queue.idle import IdleLanes
from mailrail.queue.jumps import ClockJumps
from mailrail.queue.lanes import Lane
from mailrail.queue.room import LEAST_SHARE, Room
from mailrail.queue.settings import QueueSettings
from mailrail.queue.settler import Settler
from mailrail.queue.tell import tell, tell_delivered
from mailrail.spool import Content, Lease, Spool, Want

SUSPEND_CHUNK: Final = 200  # works put off in one go
SUSPEND_REST_S: Final = 0.1  # before the next: 100,000 take a minute, and a sixth of a core, so that new mail does not wait for them
LAST_WORDS_S: Final = 2.0  # for results on their way to the disk, even when the grace is over


class Manager:
    """The queue of one node. Make it inside the running loop, await `run`, end it with `stop`."""

    def __init__(
        self,
        spool: Spool,
        courier: Courier,
        notifier: Notifier,
        settings: QueueSettings,
        *,
        clock: Clock,
        rng: Rng,
        bus: Bus,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._spool = spool
        self.courier = courier
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._bus = bus
        self._jumps = ClockJumps(clock.now_us(), self._loop.time())
        self._room = Room(settings)
        self._idle = IdleLanes(self._loop, settings.idle_s)
        self._destinations = Destinations(self._loop, settings)
        self._lanes: dict[asyncio.Task[None], Lane] = {}
        self._chores = Chores(self._quiet_now)
        self._ends = Ends()
        self._tasks: asyncio.TaskGroup | None = None
        self._is_stopping = False
        self._over = asyncio.Event()
        self._quiet = asyncio.Event()
        self._settler = Settler(
            spool, notifier, clock, bus, self._jumps,
            start=self._chores.start, done=self._free, has_room=self.has_room,
        )  # fmt: skip
        self._feeder = Feeder(
            spool, clock, bus, self._jumps, poll_s=settings.poll_s,
            want=self._want, accept=self.offer, tidy=self._destinations.tidy,
        )  # fmt: skip

    # --- The door ---------------------------------------------------------------------

    async def run(self) -> None:
        """Work until `stop`.

        *Cancel-safe:* yes: tries are aborted; what was leased is due again when the spool is opened anew.
        """
        async with asyncio.TaskGroup() as tasks:
            self._tasks = self._chores.group = tasks
            feeding = tasks.create_task(self._feeder.run())
            try:
                await self._over.wait()
            finally:  # cancelled, it begins nothing either
                self._is_stopping = True
                feeding.cancel()
                self._chores.cancel()

    async def stop(self, grace_s: float) -> None:
        """Begin no more tries, let running ones finish for up to *grace_s*, give the rest back."""
        deadline_s = self._loop.time() + grace_s
        self._is_stopping = True
        if self._tasks is None:
            return
        self.give_up_waiting()
        self._idle.close_all()
        if self._lanes:
            await asyncio.wait(list(self._lanes), timeout=grace_s)
        if self._lanes:
            for task in self._lanes:
                task.cancel()
            await asyncio.wait(list(self._lanes))
        self._quiet.clear()
        if self._room.items or self._chores:
            try:
                async with asyncio.timeout_at(max(deadline_s, self._loop.time() + LAST_WORDS_S)):
                    await self._quiet.wait()
            except TimeoutError:
                pass
        self._chores.is_over = True
        self._over.set()

    def has_room(self, destinations: Iterable[str] = (), *, is_urgent: bool = False) -> bool:
        """Tell whether just-accepted mail should be committed with a lease and offered.

        Args:
            destinations: where it would go, if known: none of them may be full.
            is_urgent: its priority is above the usual, for which what is less makes way even there.
        """
        if self._tasks is None or self._is_stopping:
            return False
        full = self._destinations.full
        if self._room.has_any() and (not full or is_urgent or full.isdisjoint(destinations)):
            return True
        self._feeder.expect()
        return False

    def expect_at(self, due_us: int) -> None:
        """Look into the spool at *due_us*: something was stored for then."""
        self._feeder.expect_at(due_us)

    def offer(self, leases: Sequence[Lease], content: Content | None = None) -> None:
        """Take leased mail while `run` runs; what there is no room for goes back to the spool.

        Args:
            content: of all of them, just accepted; None: to be read when their turn comes.
        """
        if content is not None and content.whole is None:
            # It is in a file: opened when its turn comes, so that waiting costs no descriptor.
            content.close()
            content = None
        back = []
        for lease in leases:
            if not self._enqueue(lease, content):
                back.append(lease)  # noqa: PERF401 -- a comprehension is one more call in Python 3.11
        if back:
            self._give_back(back)

    def wake(self) -> None:
        """Look for due mail soon: something was stored without a lease, or changed by the operator."""
        self._feeder.wake()

    def use(self, courier: Courier, notifier: Notifier, settings: QueueSettings) -> None:
        """Go by these from now on; a try that runs ends as it began, and its lane with it."""
        self.courier, self._settler.notifier, self._settings = courier, notifier, settings
        self._room.use(settings)
        self._feeder.poll_s = settings.poll_s
        self._idle.use(settings.idle_s)
        self._destinations.use(settings)
        for lane in self._lanes.values():
            lane.is_outdated = lane.courier is not courier
        for destination in self.destinations():
            self._pump(destination)
        self._feeder.wake()

    def is_used(self, courier: Courier) -> bool:
        """Tell whether a lane still goes by *courier*."""
        return any(lane.courier is courier for lane in self._lanes.values())

    # --- For `control` ----------------------------------------------------------------

    def destinations(self) -> list[Destination]:
        """Return the destinations in memory; to read only."""
        return list(self._destinations.by_key.values())

    def give_up_waiting(self) -> None:
        """Give everything that no lane has taken back to the spool, to be claimed as it is there."""
        leases = []
        for destination in self.destinations():
            for work in destination.waiting.clear():
                leases.append(work.lease)
                self._free(work)
            self._destinations.unfill(destination)
        if leases:
            self._give_back(leases)

    def rouse(self, key: str = "") -> None:
        """End the sleep of destination *key*, or of all."""
        for destination in self.destinations():
            if key in ("", destination.key):
                destination.wake()

    def condemn(self, keys: Iterable[ItemKey], verdict: Reply) -> None:
        """End these items with *verdict* and notices instead of a try, as soon as they are claimed."""
        self._ends.condemn(keys, verdict)

    # --- Work comes in ----------------------------------------------------------------

    def _want(self) -> Want:
        room = 0 if self._is_stopping else self._room.for_claims()
        return Want(min(room, BATCH), self._room.share(), frozenset(self._destinations.full))

    def _enqueue(self, lease: Lease, content: Content | None) -> bool:
        """Take *lease* into memory; False when there is no room for it."""
        if self._is_stopping:
            return False
        key = lease.item.destination
        destination = self._destinations.by_key.get(key) or self._destinations.make(key)
        waiting = destination.waiting.size
        if waiting >= LEAST_SHARE and not self._has_place(destination, lease):
            return False
        work = Unread(lease) if content is None else Job(lease, content)
        self._room.take(0 if content is None else content.size_bytes)
        if self._ends.verdicts and self._end(work):
            return True
        is_limited = destination.last is not None or destination.has_rate
        if not (waiting or is_limited) and destination.resting and lease.message.envelope.deliver_by is None:
            # Nobody is before it, and nothing is to be asked: the ordinary way of ordinary mail.
            destination.running += 1
            destination.resting.pop().give(work)
            return True
        destination.waiting.push(work)
        if self._is_asleep(destination):
            if waiting == 0:
                self._loop.call_later(SUSPEND_REST_S, self._suspend, destination)
        elif destination.resting or destination.may_add_lane():
            self._pump(destination)
        return True

    def _has_place(self, destination: Destination, lease: Lease) -> bool:
        """Tell whether *lease* has its place at *destination*, or what waits there makes way for it."""
        if destination.waiting.size < self._room.share():
            return True
        self._destinations.fill(destination)
        if (least := destination.waiting.make_way(lease.message.envelope.priority)) is None:
            return False
        self._give_back([least.lease])
        self._free(least)
        return True

    def _is_asleep(self, destination: Destination) -> bool:
        return destination.last is not None and destination.sleeping_s(self._loop.time()) > 0

    def _pump(self, destination: Destination) -> None:
        """Hand waiting work to idle and new lanes, as far as sleep, window and rate allow."""
        if self._is_stopping or self._is_asleep(destination):
            return
        resting, waiting = destination.resting, destination.waiting
        while waiting.size and (resting or destination.may_add_lane()):
            work = self._next(destination)
            if work is None:
                return
            if resting:
                resting.pop().give(work)
            else:
                self._open_lane(destination, work)

    def _next(self, destination: Destination) -> Work | None:
        """Take the next work, or park the destination until its rate allows one."""
        if destination.has_rate and not self._may_by_rate(destination):
            return None
        work: Work | None = destination.take()
        while work is not None and work.lease.message.envelope.deliver_by is not None and self._end(work):
            destination.running -= 1
            work = destination.take() if destination.waiting.size else None
        if destination.is_full and destination.waiting.size * 2 < self._room.share():
            self._destinations.unfill(destination)
            self._feeder.wake()
        return work

    def _may_by_rate(self, destination: Destination) -> bool:
        if destination.is_parked:
            return False
        wait_s = destination.wait_s(self._loop.time())
        if wait_s > 0:
            destination.is_parked = True
            self._loop.call_later(wait_s, self._unpark, destination)
        return not destination.is_parked

    def _unpark(self, destination: Destination) -> None:
        destination.is_parked = False
        self._pump(destination)

    # --- Lanes ------------------------------------------------------------------------

    def _open_lane(self, destination: Destination, work: Work) -> None:
        assert self._tasks is not None
        lane = Lane(destination, self.courier, work, self, self._spool, self._jumps)
        destination.lanes += 1
        task = self._tasks.create_task(lane.run())
        self._lanes[task] = lane
        task.add_done_callback(self._lane_over)

    def _lane_over(self, task: "asyncio.Task[None]") -> None:
        lane = self._lanes.pop(task)
        destination = lane.destination
        destination.lanes -= 1
        for work in (lane.work, lane.ahead):
            if work is not None:  # cancelled in the middle of a try
                self.untried(destination, work)
        self._pump(destination)
        if destination.is_forgettable(self._loop.time()):
            self._destinations.forget(destination)

    def next_work(self, destination: Destination) -> Work | None:
        """Return what a lane is to try next (see `lanes.Desk`)."""
        return self._next(destination) if self.may_try(destination) else None

    def work_ahead(self, destination: Destination) -> Work | None:
        """Return what may be begun before the try that runs has ended (see `lanes.Desk`)."""
        if destination.has_rate or destination.waiting.first().content is None:
            return None  # what waits for the disk or for a rate is not to keep the lane waiting
        return self._next(destination) if self.may_try(destination) else None

    def may_try(self, destination: Destination) -> bool:
        """Tell whether a lane may begin another try (see `lanes.Desk`)."""
        return not (self._is_stopping or destination.has_lane_too_many() or self._is_asleep(destination))

    def untried(self, destination: Destination, work: Work) -> None:
        """Give back work that was not tried, to be claimed again (see `lanes.Desk`)."""
        destination.running -= 1
        self._give_back([work.lease])
        self._free(work)
        self._feeder.expect()

    def may_rest(self, lane: Lane) -> bool:
        """Take note of an idle lane (see `lanes.Desk`)."""
        if self._is_stopping or not self._settings.idle_s or lane.destination.has_lane_too_many():
            return False
        self._idle.add(lane)
        return True

    # --- Results ----------------------------------------------------------------------

    def tried(self, destination: Destination, work: Work, attempt: Attempt) -> None:
        """Take the result of a try (see `lanes.Desk`): settle it first, and then tell, whatever comes of that."""
        destination.running -= 1
        lease, is_trusted = work.lease, destination.last is None
        if is_trusted and not self._ends.verdicts and is_quiet_end(lease, attempt.outcomes):
            # What becomes of nearly every message: there is nothing to decide.
            destination.window.succeeded()
            self._settler.settle(work, DONE)
            if self._bus.wants(RecipientDelivered):
                age_s = self._jumps.age_s(lease.message.release_us, self._clock.now_us())
                tell_delivered(self._bus, lease, attempt, age_s)
        else:
            found = trouble(attempt.outcomes)
            is_growing = found is not None and found.blame is not Blame.OURSELVES
            sleep_s = destination.record(found, self._loop.time(), growing=is_growing)
            sleeping_s = 0.0 if destination.last is None else destination.sleeping_s(self._loop.time())
            self._conclude(work, attempt, sleeping_s)
            if sleep_s and found is not None:
                self._loop.call_soon(self._suspend, destination)
                self._bus.emit(
                    DestinationAsleep(destination=destination.key, sleep_s=sleep_s, reply=str(found.reply))
                )
            elif not is_trusted and destination.last is None:
                self._bus.emit(DestinationAwake(destination=destination.key))
        if destination.waiting.size and destination.may_add_lane():
            self._pump(destination)

    def _conclude(self, work: Work, attempt: Attempt, sleeping_s: float, *, suspended: bool = False) -> None:
        """Decide how *work* goes on, tell it, and have it stored."""
        now_us, message = self._clock.now_us(), work.lease.message
        if self._ends.verdicts and (verdict := self._ends.verdict(work.lease)) is not None:
            attempt = condemned(attempt, verdict)
        if sleeping_s:  # not all at the very moment of waking, and the first not before it
            sleeping_s *= 1 + self._rng.uniform(0.0, self._settings.retry.spread)
        moment = Moment(now_us, self._jumps.age_s(message.release_us, now_us), sleeping_s)
        decision = decide(work.lease, attempt.outcomes, moment, self._settings.retry, self._rng.uniform)
        self._settler.settle(work, decision)
        tell(self._bus, work.lease, attempt, decision, moment.age_s, suspended=suspended)

    def _suspend(self, destination: Destination) -> None:
        """Put off what waits for a sleeping destination, a chunk at a time."""
        sleeping_s = destination.sleeping_s(self._loop.time())
        last = destination.last
        if last is None or not sleeping_s:
            self._pump(destination)
            return
        for _ in range(min(destination.waiting.size, SUSPEND_CHUNK)):
            work = destination.waiting.pop()
            attempt = Attempt((last,) * len(work.lease.item.pending), last.host)
            self._conclude(work, attempt, sleeping_s, suspended=True)
        if destination.is_full:
            self._destinations.unfill(destination)
            self._feeder.wake()
        if destination.waiting.size:
            self._loop.call_later(SUSPEND_REST_S, self._suspend, destination)

    def crashed(self, destination: Destination, queue_id: str, stack: str) -> None:
        """Know of a fault of our own (see `lanes.Desk`)."""
        self._bus.emit(AttemptCrashed(queue_id=queue_id, destination=destination.key, stack=stack))

    def damaged(self, destination: Destination, work: Work, error: StoreError) -> None:
        """Hold a message that cannot be read back (see `lanes.Desk`)."""
        destination.running -= 1
        self._settler.hold(work, error)

    def _end(self, work: Work) -> bool:
        """End *work* without a try if the operator said so, or its sender's time is over."""
        lease = work.lease
        age_s = self._jumps.age_s(lease.message.release_us, self._clock.now_us())
        if (ended := self._ends.untried(lease, age_s)) is None:
            return False
        self._settler.settle(work, ended[1])
        tell(self._bus, lease, *ended, age_s, suspended=False)
        return True

    # --- Keeping house ----------------------------------------------------------------

    def _free(self, work: Work, decision: Decision = DONE, leases: Sequence[Lease] = ()) -> None:
        """Free the place of *work*, whose *decision* is stored, if any; *leases* are those of its notices."""
        if self._room.free(0 if work.content is None else work.content.size_bytes):
            self._feeder.wake()
        if decision.left is not None and not decision.left.held:
            self._feeder.expect_at(decision.left.due_us)
        if leases:
            self.offer(leases)
        if self._is_stopping:
            self._quiet_now()

    def _quiet_now(self) -> None:
        if self._is_stopping and not self._room.items and not self._chores:
            self._quiet.set()

    def _give_back(self, leases: Sequence[Lease]) -> None:
        self._chores.start(self._settler.give_back(leases))
