"""What is due is fetched when it is due: not a rest too late, not before somebody has stored it."""

import asyncio
from itertools import pairwise

from tests.unit.queue.bench import Carriage, bench
from tests.unit.queue.mail import NOT_NOW

from mailrail.queue import QueueSettings, RetrySettings
from mailrail.sim import simulate
from mailrail.spool import Lease, MemorySpool, Want

SOON = QueueSettings(retry=RetrySettings(first_s=2, longest_s=5, spread=0))


def test_a_deferred_message_is_tried_again_when_it_is_due_though_the_feeder_was_at_rest() -> None:
    async def main() -> None:
        async with bench(SOON, Carriage(lambda job: NOT_NOW)) as queue:
            await asyncio.sleep(30)  # an empty spool: the feeder rests for a minute
            await queue.accept()
            await asyncio.sleep(30)
            waits = [round(after - before) for before, after in pairwise(queue.carried_to("mx:example.org"))]
            assert waits[:4] == [2, 4, 5, 5]

    simulate(main())


def test_mail_stored_without_a_lease_just_before_an_alarm_is_not_overlooked() -> None:
    async def main() -> None:
        async with bench(SOON) as queue:
            # As when there is no room: twice in a row, and the second is stored just after the first look.
            queue.manager._feeder.expect()
            await asyncio.sleep(SOON.poll_s - 0.01)
            queue.manager._feeder.expect()
            await asyncio.sleep(0.02)
            await queue.accept(leased=False)
            await asyncio.sleep(2.0)
            assert queue.stored() == []

    simulate(main())


def test_an_idle_spool_is_left_alone_for_minutes_but_not_for_ever() -> None:
    async def main() -> None:
        async with bench(SOON) as queue:
            await asyncio.sleep(5)
            looks = count_claims(queue.spool)
            await asyncio.sleep(3600)
            assert len(looks) == 6

    simulate(main())


def count_claims(spool: MemorySpool) -> list[Want]:
    """Note every claim from now on."""
    claims: list[Want] = []
    claim = spool.claim

    async def counted(want: Want) -> list[Lease]:
        claims.append(want)
        return await claim(want)

    spool.claim = counted  # type: ignore[method-assign]
    return claims
