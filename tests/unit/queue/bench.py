"""A queue on a table: manager, memory spool, scripted carriers, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tests.unit.queue import mail

from mailrail.model import Attempt, Blame, Deferred, DeliverBy, Failed, Item, Message, Outcome, QueueId
from mailrail.observe import Bus, Event
from mailrail.queue import Control, Job, Manager, QueueSettings
from mailrail.sim import SimClock, seeded
from mailrail.spool import Content, Lease, MemorySpool, MemoryStore, NewMessage

Answer = Callable[[Job], "Outcome | Sequence[Outcome]"]


@dataclass
class Carriage:
    """What the fake next hop does and saw."""

    answer: Answer = lambda job: mail.OK
    takes_s: float = 0.1
    has_short_road: bool = True  # over a session that is open
    goes_ahead: bool = False  # asks for the next job while it carries one
    asks: int = 1  # at so many hosts, if there is nothing at the first
    went_ahead: list[QueueId] = field(default_factory=list)
    carried: list[tuple[float, str, QueueId]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    running: dict[str, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)


class FakeCarrier:
    """A lane that answers by script."""

    def __init__(self, carriage: Carriage, destination: str) -> None:
        self._carriage = carriage
        self._destination = destination
        self.is_open = False
        self.has_gone_ahead = False
        self._begun: Job | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._unfinished: Attempt | None = None

    def try_begin(self, job: Job, ahead: Callable[[], Job | None], came: Callable[[], None]) -> bool:
        if not (self.is_open and self._carriage.has_short_road):
            return False
        self._start(job)
        self._begun = job
        loop = asyncio.get_running_loop()
        self._timers = [
            loop.call_later(0.0, self._ask, ahead),
            loop.call_later(self._carriage.takes_s, came),
        ]
        return True

    def attempt(self) -> Attempt | None:
        job, self._begun = self._begun, None
        assert job is not None
        try:
            attempt = self._attempt(job)
        finally:
            self._carriage.running[self._destination] -= 1
        if self.is_open:
            return attempt
        self._unfinished = attempt  # the session broke, and what is to become of the job needs another
        return None

    async def carry(self, job: Job, ahead: Callable[[], Job | None]) -> Attempt:
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            return unfinished
        carriage, key = self._carriage, self._destination
        if not self.is_open:
            carriage.opened.append(key)
        self.is_open = True
        self._start(job)
        try:
            self._ask(ahead)
            await asyncio.sleep(carriage.takes_s)
            return self._attempt(job)
        except asyncio.CancelledError:
            self.is_open = False
            raise
        finally:
            carriage.running[key] -= 1

    def _start(self, job: Job) -> None:
        carriage, key = self._carriage, self._destination
        self.has_gone_ahead = False
        carriage.running[key] = carriage.running.get(key, 0) + 1
        carriage.most[key] = max(carriage.most.get(key, 0), carriage.running[key])
        carriage.carried.append((asyncio.get_running_loop().time(), key, job.lease.item.queue_id))

    def _ask(self, ahead: Callable[[], Job | None]) -> None:
        for _ in range(self._carriage.asks if self._carriage.goes_ahead else 0):
            if (following := ahead()) is not None:
                self._carriage.went_ahead.append(following.lease.item.queue_id)
                self.has_gone_ahead = True
                return

    def _attempt(self, job: Job) -> Attempt:
        answer = self._carriage.answer(job)
        if isinstance(answer, Sequence):
            return Attempt(tuple(answer), "mx.example.org")
        if isinstance(answer, Deferred) and answer.blame in (Blame.HOST, Blame.DESTINATION):
            self.is_open = self.has_gone_ahead = False
        return Attempt((answer,) * len(job.lease.item.pending), "mx.example.org")

    async def close(self) -> None:
        self.is_open = False
        for timer in self._timers:
            timer.cancel()
        if self._begun is not None:
            self._begun = None
            self._carriage.running[self._destination] -= 1


class FakeCourier:
    def __init__(self, carriage: Carriage) -> None:
        self._carriage = carriage

    def carrier(self, destination: str, lease: Lease) -> FakeCarrier:
        return FakeCarrier(self._carriage, destination)


class FakeNotifier:
    """Owes a notice for every failure of a message with a sender, and for every delay."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._made = 0
        self.late: list[bool] = []
        self.told: list[tuple[QueueId, tuple[int, ...], tuple[int, ...]]] = []

    def is_owed(self, message: Message, outcomes: Sequence[tuple[int, Outcome]]) -> bool:
        return message.envelope.reverse_path is not None and any(
            isinstance(outcome, Failed) for _, outcome in outcomes
        )

    async def notices(
        self,
        message: Message,
        content: Content,
        outcomes: Sequence[tuple[int, Outcome]],
        *,
        delayed: Sequence[int] = (),
        retry_until_us: int = 0,
        is_late: bool = False,
    ) -> tuple[NewMessage, ...]:
        self.late.append(is_late)
        await content.read(0, content.size_bytes)
        sender = message.envelope.reverse_path
        if sender is None:
            return ()
        failed = tuple(index for index, outcome in outcomes if isinstance(outcome, Failed))
        self.told.append((message.queue_id, failed, tuple(delayed)))
        self._made += 1
        plain = mail.message(900_000 + self._made, sender=None, domain=sender.domain)
        notice = replace(plain, arrived_us=self._clock.now_us(), size_bytes=6, is_notice=True)
        return (NewMessage(notice, (mail.item(notice),), b"notice"),)


class Bench:
    """Everything that a test of the manager touches."""

    def __init__(self, settings: QueueSettings, carriage: Carriage, store: MemoryStore | None) -> None:
        self.clock = SimClock()
        self.spool = MemorySpool(self.clock, store)
        self.carriage = carriage
        self.notifier = FakeNotifier(self.clock)
        self.events: list[Event] = []
        self.bus = Bus()
        self.bus.listen(self.events.append)
        self.manager = Manager(
            self.spool, FakeCourier(carriage), self.notifier, settings,
            clock=self.clock, rng=seeded(), bus=self.bus,
        )  # fmt: skip
        self.control = Control(self.spool, self.manager)
        self._numbers = 0

    async def accept(
        self,
        *,
        domain: str = "example.org",
        sender: str | None = "alice",
        recipients: int = 1,
        leased: bool = True,
        content: bytes = b"hello",
        deliver_by: DeliverBy | None = None,
        priority: int = 0,
    ) -> QueueId:
        """Take a message in as intake does."""
        self._numbers += 1
        of = mail.message(
            self._numbers,
            domain=domain,
            sender=sender,
            recipients=recipients,
            arrived_us=self.clock.now_us(),
            size_bytes=len(content),
            deliver_by=deliver_by,
            priority=priority,
        )
        draft = self.spool.begin(of.queue_id)
        draft.write(content)
        work = mail.item(of)
        leased = leased and self.manager.has_room([work.destination], is_urgent=priority > 0)
        committed = await draft.commit(of, [work], lease=leased)
        if leased:
            self.manager.offer(committed.leases, committed.content)
        return of.queue_id

    def stored(self) -> list[Item]:
        return [state.item for one in self.spool.store.messages.values() for state in one.items.values()]

    def told(self, event_type: type[Event]) -> list[Event]:
        return [event for event in self.events if type(event) is event_type]

    def carried_to(self, key: str) -> list[float]:
        return [when_s for when_s, where, _ in self.carriage.carried if where == key]


@asynccontextmanager
async def bench(
    settings: QueueSettings | None = None,
    carriage: Carriage | None = None,
    store: MemoryStore | None = None,
) -> AsyncIterator[Bench]:
    """Run a manager round the test, and stop it after."""
    made = Bench(settings or QueueSettings(), carriage or Carriage(), store)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.manager.run())
        await asyncio.sleep(0)
        try:
            yield made
        finally:
            await made.manager.stop(60.0)
        await running
