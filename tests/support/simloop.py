"""A loop whose time jumps to the next timer, and a wall clock that follows it.

Five simulated days take as long as what happens in them. Threads are replaced by calls in
place, so equal seeds give equal runs.
"""

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

from mailrail.model import SECOND_US

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
START_US = 1_750_000_000 * SECOND_US


class VirtualSelector(selectors.SelectSelector):
    """Never waits: moves the clock to the next timer instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("deadlock: nothing ready and nothing scheduled")
        self.now += max(timeout, 0.0)
        return []


class SimLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self.virtual = VirtualSelector()
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.now

    def run_in_executor(  # a done future instead of a thread's
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class SimClock:
    """Wall time that flows with the running loop and can be stepped."""

    def __init__(self, start_us: int = START_US) -> None:
        self.offset_us = start_us

    def now_us(self) -> int:
        return self.offset_us + int(asyncio.get_running_loop().time() * SECOND_US)

    def step(self, seconds: float) -> None:
        self.offset_us += int(seconds * SECOND_US)


def simulate(main: Coroutine[Any, Any, T]) -> T:
    """Run *main* in a fresh simulated loop."""
    with asyncio.Runner(loop_factory=SimLoop) as runner:
        return runner.run(main)


def seeded(seed: int = 1) -> random.Random:
    """Return a source of chance that repeats itself."""
    return random.Random(seed)
