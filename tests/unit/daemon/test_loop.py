"""The daemon's loop is asyncio's, in fewer calls."""

import asyncio
from contextvars import ContextVar, copy_context

import pytest

from mailrail.daemon.loop import Loop

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


@pytest.mark.parametrize("debug", [False, True])
def test_callbacks_come_in_their_order_each_in_its_context_unless_cancelled(debug: bool) -> None:
    seen: list[tuple[int, str]] = []

    def note(number: int) -> None:
        seen.append((number, WHO.get()))

    async def work() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        context = copy_context()
        context.run(WHO.set, "somebody")
        began_s = loop.time()
        loop.call_soon(note, 1)
        loop.call_soon(note, 2, context=context)
        loop.call_soon(note, 3).cancel()
        await asyncio.sleep(0.01)
        return loop.time() - began_s

    with asyncio.Runner(loop_factory=Loop, debug=debug) as runner:
        assert runner.run(work()) >= 0.009
    assert seen == [(1, "nobody"), (2, "somebody")]


def test_a_callback_that_fails_is_told_and_ends_nothing() -> None:
    told: list[BaseException] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        loop.call_soon([].pop)
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(work())
    assert [type(error) for error in told] == [IndexError]
