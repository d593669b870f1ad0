"""A promise tells its one listener at once, and can be awaited like a future."""

import asyncio
from typing import Any

import pytest
from tests.support.spools import in_loop

from mailrail.promise import Promise


def test_the_listener_is_called_in_the_call_that_brings_the_answer() -> None:
    promise: Promise[int] = Promise()
    heard: list[int] = []
    promise.add_done_callback(lambda kept: heard.append(kept.result()))
    promise.set_result(7)
    assert heard == [7]


@pytest.mark.parametrize("is_late", [False, True])
def test_an_error_is_told_like_a_result(is_late: bool) -> None:
    promise: Promise[int] = Promise()
    heard: list[BaseException | None] = []
    if not is_late:
        promise.add_done_callback(lambda kept: heard.append(kept.exception()))
    promise.set_exception(ValueError("no"))
    if is_late:
        promise.add_done_callback(lambda kept: heard.append(kept.exception()))
    assert [str(error) for error in heard] == ["no"]
    assert promise.done()
    assert not promise.cancelled()
    with pytest.raises(ValueError, match="no"):
        promise.result()


def test_who_waits_no_more_is_told_so_once() -> None:
    promise: Promise[int] = Promise()
    heard: list[bool] = []
    promise.add_done_callback(lambda kept: heard.append(kept.cancelled()))
    assert promise.cancel()
    assert not promise.cancel()
    assert heard == [True]


@in_loop
async def test_it_can_be_awaited_before_and_after_the_answer() -> None:
    promise: Promise[str] = Promise()

    async def wait() -> str:
        return await promise

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    promise.set_result("here")
    assert await waiting == "here"
    assert await promise == "here"


@in_loop
async def test_a_task_that_is_cancelled_waits_no_more() -> None:
    promise: Promise[str] = Promise()

    async def wait() -> str:
        return await promise

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert promise.cancelled()


@in_loop
async def test_a_listener_that_fails_is_reported_and_stops_nobody() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    promise: Promise[int] = Promise()
    promise.add_done_callback(lambda kept: 1 // kept.result())
    promise.set_result(0)
    assert isinstance(reported[0]["exception"], ZeroDivisionError)
