"""Floor 5 · sim — who sends how much when: people who come as they like, and programs that wait for one another.

An open flow brings messages at a rate by the hour of the day, whatever becomes of them: people. A closed one has
so many clients, each of which begins its next message when the last is done: programs. A burst is a closed flow with an end.
"""

import asyncio
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mailrail.model import Rng
from mailrail.sim.ledger import Ledger
from mailrail.sim.posting import NOBODY, Posting, Wanted
from mailrail.sim.postman import Postman, Route

HOUR_S: Final = 3600.0
# Share of a day's mail in each hour: few at night, most before and after lunch.
BY_DAY: Final = (0.2, 0.1, 0.1, 0.1, 0.2, 0.4, 0.8, 1.4, 2.0, 2.3, 2.2, 1.9, 1.5, 1.8, 2.0, 1.8, 1.5, 1.1,
                 0.8, 0.6, 0.5, 0.4, 0.3, 0.2)  # fmt: skip
_WISHES: Final = ("NEVER", "SUCCESS", "FAILURE", "SUCCESS,FAILURE", "DELAY,FAILURE")


@dataclass(frozen=True, slots=True)
class Kind:
    """What the messages of a flow are like.

    Attributes:
        senders: domains of reverse-paths.
        recipients: domains of forward-paths, each as often as its weight says.
        size_bytes: smallest and largest; small ones are more common.
        most_recipients: of one message.
        bad_share: of recipients, that do not exist.
        null_share: of messages, that have the null reverse-path.
        dsn_share: of recipients, with a NOTIFY.
        eight_bit_share: of messages, with octets above 127.
    """

    senders: tuple[str, ...]
    recipients: dict[str, float]
    size_bytes: tuple[int, int] = (600, 40_000)
    most_recipients: int = 1
    bad_share: float = 0.0
    null_share: float = 0.0
    dsn_share: float = 0.0
    eight_bit_share: float = 0.0
    _domains: tuple[tuple[float, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        sums = itertools.accumulate(self.recipients.values())
        object.__setattr__(self, "_domains", tuple(zip(sums, self.recipients, strict=True)))

    def posting(self, number: int, rng: Rng) -> Posting:
        """Draw one message."""
        low, high = self.size_bytes
        is_null = rng.random() < self.null_share
        sender = f"ann{_one_of(20, rng)}@{self.senders[_one_of(len(self.senders), rng)]}"
        count = 1 + _one_of(self.most_recipients, rng)
        return Posting(
            number,
            "" if is_null else sender,
            tuple(self._wanted(number, place, rng) for place in range(count)),
            size_bytes=int(low * (high / low) ** rng.random()),
            is_8bit=rng.random() < self.eight_bit_share,
        )

    def _wanted(self, number: int, place: int, rng: Rng) -> Wanted:
        drawn = rng.random() * self._domains[-1][0]
        domain = next(domain for end, domain in self._domains if drawn < end)
        local = NOBODY if rng.random() < self.bad_share else "bob"
        notify = _WISHES[_one_of(len(_WISHES), rng)] if rng.random() < self.dsn_share else ""
        return Wanted(f"{local}{number}-{place}@{domain}", notify)


def _one_of(count: int, rng: Rng) -> int:
    return min(int(rng.random() * count), count - 1)


class Traffic:
    """All honest clients of a simulation.

    Attributes:
        unanswered: recipients that no client got an answer for in days.
        begun: messages that clients began to bring.
    """

    def __init__(self, ledger: Ledger, rng: Rng) -> None:
        self._ledger = ledger
        self._rng = rng
        self._numbers: Iterator[int] = itertools.count(1)
        self.begun = 0
        self.unanswered = 0

    async def people(
        self, kind: Kind, route: Route, per_hour: float, until_s: float, by_hour: tuple[float, ...] = (1.0,)
    ) -> None:
        """Bring messages at random times, *per_hour* on average, until *until_s* on the loop's clock; wait for all.

        Args:
            by_hour: a factor for each hour of the day, repeated; on average 1.
        """
        loop = asyncio.get_running_loop()
        most = per_hour * max(by_hour) / HOUR_S
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(-math.log(1.0 - self._rng.random()) / most)
                if loop.time() >= until_s:
                    return
                factor = by_hour[int(loop.time() / HOUR_S) % len(by_hour)]
                if self._rng.random() * max(by_hour) < factor:
                    tasks.create_task(self._one(kind, route))

    async def programs(
        self, kind: Kind, route: Route, clients: int, messages: int, until_s: float, pause_s: float = 0.0
    ) -> None:
        """Let *clients* bring *messages* in all, or until *until_s*; wait for all.

        Args:
            pause_s: longest rest of a client between two messages.
        """
        loop = asyncio.get_running_loop()
        left = itertools.count(1)

        async def client() -> None:
            postman = Postman(route, self._ledger, self._rng)
            while next(left) <= messages and loop.time() < until_s:
                await self._bring(postman, kind)
                if pause_s:
                    await postman.rest()
                    await asyncio.sleep(self._rng.uniform(0.0, pause_s))
            await postman.rest()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(clients):
                tasks.create_task(client())

    async def _one(self, kind: Kind, route: Route) -> None:
        postman = Postman(route, self._ledger, self._rng)
        await self._bring(postman, kind)
        await postman.rest()

    async def _bring(self, postman: Postman, kind: Kind) -> None:
        self.begun += 1
        posting = kind.posting(next(self._numbers), self._rng)
        self.unanswered += await postman.bring(posting)
