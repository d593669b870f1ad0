"""Test support: faults planted in the stations of the journey, which the books of a simulated fleet must find.

The world is small and rough: one mailrail that is crashed, cut from power and out of disk, a host that refuses by chance, one
that greylists, one that drops connections at the end, one that nobody answers for, and one that drops them under a burst over a single
connection, where envelopes go ahead; short retries, so that six hours are enough.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mailrail.delivery import classify
from mailrail.intake import intake
from mailrail.model import Address, Attempt, Delivered, Message, Outcome, Reply
from mailrail.net import Endpoint
from mailrail.queue import decide as deciding
from mailrail.queue.decide import Decision
from mailrail.queue.destination import Work
from mailrail.queue.lanes import Lane
from mailrail.queue.settings import RetrySettings
from mailrail.queue.settler import Settler
from mailrail.report.owed import owed_finals
from mailrail.report.writer import NoticeWriter
from mailrail.sim import Link, faults, seeded, simulate
from mailrail.sim.faults import Crash, DiskFull, Fault, LinkDown
from mailrail.sim.fleet import Fleet
from mailrail.sim.ledger import Violation
from mailrail.sim.postman import Route
from mailrail.sim.strangers import Dropper, Greylister, Moody, Place, Step, Stranger
from mailrail.sim.traffic import Kind, Traffic
from mailrail.smtp.client import ClientConnection
from mailrail.smtp.client_states import State as ClientState

Patch = pytest.MonkeyPatch
HOUR_S = 3600.0
MX = Endpoint("192.0.2.1", 25)
HOME = "192.0.2.30"
MEMBERS, OTHERS = "10.0.0.7", "198.51.100.7"
RETRY = {"first_s": 60, "longest_s": 600, "give_up_s": "2h", "give_up_notice_s": "1h", "warn_s": 0}
# A sync that fails breaks the spool; the power cut a minute later ends that. Often, for it is to hit a commit.
SYNC_FAILS_S = tuple(600.0 * number + 300.0 for number in range(17))
PLAN: Sequence[tuple[float, Fault]] = (
    (1.0 * HOUR_S, DiskFull("mx", lasts_s=900.0)),
    (1.6 * HOUR_S, Crash("mx", is_power_cut=False, down_s=5.0)),
    (2.0 * HOUR_S, LinkDown("mail.good.example", lasts_s=600.0)),
    *((after_s + 60.0, Crash("mx", is_power_cut=True, down_s=20.0)) for after_s in SYNC_FAILS_S),
)


def broken_rules(seed: int = 1) -> Sequence[Violation]:
    """Run the small world; return every rule that was broken."""
    return simulate(_world(seed), seed).ledger.violations


async def _world(seed: int) -> Fleet:
    fleet = Fleet(seed, Link(latency_s=0.02, jitter_s=0.03, bytes_per_s=1e6, cut=0.02), is_told=False)

    def complain(_: object, context: dict[str, Any]) -> None:
        fleet.ledger.books.break_rule("own fault", f"{context.get('message')}: {context.get('exception')!r}")

    asyncio.get_running_loop().set_exception_handler(complain)

    def place(name: str) -> Place:
        return Place(f"{name}.example", fleet.ledger, seeded(f"{name} {seed}"))

    fleet.stranger(Stranger(place("home")), HOME)
    fleet.stranger(
        Moody(place("mail.good"), permanent={Step.RCPT: 0.1, Step.END: 0.05}), "192.0.2.31", "good.example"
    )
    fleet.stranger(Greylister(place("mail.grey")), "192.0.2.32", "grey.example")
    fleet.stranger(Dropper(place("mail.dropping")), "192.0.2.33", "dropping.example")
    fleet.stranger(Stranger(place("mail.dead")), "192.0.2.34", "dead.example")
    fleet.internet.unplug("mail.dead.example")
    # Without CHUNKING: there messages go by DATA, and the next one's envelope behind them.
    busy = replace(place("mail.busy"), offer=("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN"))
    fleet.stranger(Dropper(busy, share=0.3), "192.0.2.35", "busy.example")
    fleet.node(
        "mx",
        MX.host,
        relay={"networks": ["10.0.0.0/8"]},
        domain={"ours.example": {"relay_to": f"{HOME}:25"}},
        spool={"path": "/spool", "reserve_bytes": 0, "reserve_share": 0.0, "reserve_inodes": 0},
        queue={"retry": RETRY, "destination": {"busy.example": {"connections": 1}}},
    )
    fleet.watch()
    for after_s in SYNC_FAILS_S:
        asyncio.get_running_loop().call_later(after_s, setattr, fleet.nodes["mx"].disk, "failing_syncs", 1)
    faults.carry_out(PLAN, fleet)
    await asyncio.sleep(1)
    traffic = Traffic(fleet.ledger, seeded(f"traffic {seed}"))
    members, others = fleet.clients("members", MEMBERS), fleet.clients("others", OTHERS)
    out = {"good.example": 4.0, "grey.example": 1.0, "dropping.example": 1.0, "dead.example": 0.5}
    people = Kind(("ours.example",), out, most_recipients=3, bad_share=0.05, null_share=0.1)
    world = Kind(("good.example",), {"ours.example": 1.0}, bad_share=0.05)
    async with asyncio.TaskGroup() as tasks:
        for kind, route in (
            (people, Route(members, (("mx", MX),), MEMBERS)),
            (world, Route(others, (("mx", MX),))),
        ):
            tasks.create_task(traffic.people(kind, route, 40.0, 3 * HOUR_S))
        burst = Kind(("ours.example",), {"busy.example": 1.0}, size_bytes=(600, 2000))
        tasks.create_task(traffic.programs(burst, Route(members, (("mx", MX),), MEMBERS), 20, 200, HOUR_S))
    await asyncio.sleep(3 * HOUR_S)
    await fleet.finish()
    return fleet


# -- the faults ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FleetMutant:
    """A fault, how it is planted, and the rules of the ledger one of which it breaks."""

    fault: str
    plant: Callable[[Patch], None]
    rules: frozenset[str]


def answer_250_to_a_failed_commit(patch: Patch) -> None:
    def failed(self: intake.Incoming, error: BaseException) -> Reply:
        return Reply(250, "2.0.0", f"Queued as {self.queue_id}")

    patch.setattr(intake.Incoming, "_failed", failed)


def tell_nobody(patch: Patch) -> None:
    patch.setattr(NoticeWriter, "is_owed", lambda self, message, outcomes: False)


def tell_the_null_sender(patch: Patch) -> None:
    notices = NoticeWriter.notices

    async def to_somebody(self: NoticeWriter, message: Message, *args: Any, **named: Any) -> Any:
        if message.envelope.reverse_path is None and not message.is_notice:
            somebody = Address("ann1", "ours.example")
            message = replace(message, envelope=replace(message.envelope, reverse_path=somebody))
        return await notices(self, message, *args, **named)

    def is_owed(self: NoticeWriter, message: Message, outcomes: Sequence[tuple[int, Outcome]]) -> bool:
        return not message.is_notice and any(owed_finals(message.envelope, outcomes))

    patch.setattr(NoticeWriter, "notices", to_somebody)
    patch.setattr(NoticeWriter, "is_owed", is_owed)


def never_back_off(patch: Patch) -> None:
    patch.setattr(deciding, "next_wait_s", lambda attempts, left_s, settings, uniform: 20.0)


def wait_for_ever(patch: Patch) -> None:
    patch.setattr(deciding, "next_wait_s", lambda attempts, left_s, settings, uniform: 86_400.0)


def give_up_a_try_early(patch: Patch) -> None:
    def is_expired(attempts: int, age_s: float, give_up_s: float, settings: RetrySettings) -> bool:
        return age_s >= give_up_s - settings.longest_s

    patch.setattr(deciding, "is_expired", is_expired)


def deliver_again_after_the_last_word(patch: Patch) -> None:
    settle = Settler.settle

    def again(self: Settler, work: Work, decision: Decision) -> None:
        item = work.lease.item
        if decision is deciding.DONE and item.attempts == 0:
            decision = Decision(replace(item, attempts=1, due_us=item.due_us + 300_000_000), decision.finals)
        settle(self, work, decision)

    patch.setattr(Settler, "settle", again)


def mix_up_the_replies(patch: Patch) -> None:
    from_replies = classify.from_replies

    def turned(*args: Any, **named: Any) -> list[Outcome]:
        return from_replies(*args, **named)[::-1]

    patch.setattr(classify, "from_replies", turned)


def use_a_session_again_without_rset(patch: Patch) -> None:
    begin = ClientConnection.begin

    def careless(self: ClientConnection, *args: Any, **named: Any) -> None:
        if self.state is ClientState.SPENT:
            self.state = ClientState.IDLE
        begin(self, *args, **named)

    patch.setattr(ClientConnection, "begin", careless)


def deliver_what_went_ahead_of_a_lost_connection(patch: Patch) -> None:
    following = Lane._following

    def careless(self: Lane) -> Work | None:
        work, carrier = self.ahead, self._carrier
        if work is not None and carrier is not None and not carrier.has_gone_ahead:
            self.ahead = None
            taken = Delivered(Reply(250, "2.0.0", "Kept"), "mail.busy.example")
            self._desk.tried(self.destination, work, Attempt((taken,) * len(work.lease.item.pending)))
        return following(self)

    patch.setattr(Lane, "_following", careless)


FLEET_MUTANTS = (
    FleetMutant("250 to a commit that failed", answer_250_to_a_failed_commit, frozenset({"lost"})),
    FleetMutant("a failure that nobody is told of", tell_nobody, frozenset({"no notice"})),
    FleetMutant("a notice for mail from the null sender", tell_the_null_sender, frozenset({"null sender"})),
    FleetMutant("retries that never back off", never_back_off, frozenset({"retry"})),
    FleetMutant("a time that is a day off", wait_for_ever, frozenset({"retry"})),
    FleetMutant("given up one try too early", give_up_a_try_early, frozenset({"expiry"})),
    FleetMutant(
        "delivered again after the final reply", deliver_again_after_the_last_word, frozenset({"duplicate"})
    ),
    FleetMutant(
        "replies taken for those of other recipients",
        mix_up_the_replies,
        frozenset({"lost", "both", "duplicate", "no notice"}),
    ),
    FleetMutant(
        "a message taken ahead that counts as delivered when the connection is lost",
        deliver_what_went_ahead_of_a_lost_connection,
        frozenset({"lost"}),
    ),
    FleetMutant(
        "a session used again after an error as if nothing had been",
        use_a_session_again_without_rset,
        frozenset({"stranger"}),
    ),
)
