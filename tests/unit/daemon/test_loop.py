"""The daemon's loop is asyncio's, with a quicker clock."""

import asyncio
import time

from mailrail.daemon.loop import Loop


def test_its_time_is_the_one_by_which_timers_ring() -> None:
    async def work() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        rang: asyncio.Future[float] = loop.create_future()
        at_s = loop.time() + 0.01
        loop.call_at(at_s, lambda: rang.set_result(loop.time()))
        return at_s, await rang

    before_s = time.monotonic()
    with asyncio.Runner(loop_factory=Loop) as runner:
        at_s, rang_s = runner.run(work())
    assert before_s < at_s
    assert rang_s >= at_s - 1e-3  # a loop may ring one tick of its clock early
