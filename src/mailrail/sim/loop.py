"""Floor 5 · sim — an event loop whose time jumps to the next timer, and whose chance is a seed.

Five simulated days take as long as what happens in them. Threads are replaced by calls in the loop, so equal
seeds give equal runs.

What the seed decides, and what not. asyncio promises that `call_soon` keeps order and that a timer never
fires before an earlier one: both hold here, and production code may rely on them. It promises nothing about timers of equal time,
nor about when a thread is done. So:

- timers of equal time fire in an order that the seed draws (each is late by less than a microsecond);
- a job for a thread runs some drawn time after it was handed over, and its caller learns that again some
  time later: a power cut between the two has done the work and told nobody. Jobs of one executor run one after
  another, in order; jobs of the default executor in any.

Which of two peers is heard first is drawn by the simulated network. Without a seed nothing is drawn, timers are
exact and jobs are done on the spot: for tests that look at exact times.
"""

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context
from functools import partial
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

from mailrail.sim.life import Life, life_of

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_TIE_S: Final = 1e-6  # far below any interval that means something
_JOB_S: Final = 0.004  # a sync on a good disk takes about so long
_TELL_S: Final = 0.001
_TASKS_SHOWN: Final = 10


class DeadlockError(Exception):
    """Everybody waits, and nothing is scheduled that could end it."""


class _VirtualSelector(selectors.SelectSelector):
    """Never waits: moves the clock to the next timer instead."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError(f"nothing is ready and nothing scheduled; waiting: {_waiting()}")
        self.now_s += max(timeout, 0.0)
        return []


class _SimTask(asyncio.Task[T]):
    """A task whose hash is its number: sets of tasks are walked in the same order in every run."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, T], **options: Any) -> None:
        self.number = number
        super().__init__(coro, **options)
        self.life = life_of(options.get("context"))

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class SimLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time.

    Args:
        seed: decides what asyncio leaves open; None: nothing is drawn.
    """

    def __init__(self, seed: int | str | None = None) -> None:
        self._virtual = _VirtualSelector()
        self._rng = None if seed is None else random.Random(f"loop {seed}")
        self._free_s: dict[Executor, float] = {}  # when its last job so far is done
        self._last_number = 0
        super().__init__(self._virtual)
        # asyncio runs a timer that is due within the clock's resolution. That of the real clock, 1 ns, is less than
        # a float can tell apart after 194 days (2**24 s): the loop would then turn for ever before a timer due now.
        self._clock_resolution = 1e-7
        self.set_task_factory(_make_task)

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._virtual.now_s

    def next_number(self) -> int:
        """Return the number of the next task."""
        self._last_number += 1
        return self._last_number

    def tasks_of(self, life: Life) -> "list[asyncio.Task[Any]]":
        """Return the tasks of *life* that are not done, oldest first."""
        found = [task for task in asyncio.all_tasks(self) if isinstance(task, _SimTask) and task.life is life]
        return sorted(found, key=hash)

    def tasks_left(self) -> list[str]:
        """Return the tasks that are not done, the calling one aside, for whoever wants none left."""
        running = asyncio.current_task(self)
        return [_name(task) for task in asyncio.all_tasks(self) if task is not running]

    # -- what asyncio schedules ------------------------------------------------------------------

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call *callback* in the next turn, unless its life is over by then."""
        life = life_of(context)
        if life is None:
            return super().call_soon(callback, *args, context=context)
        return super().call_soon(partial(life.run, callback, *args), context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call *callback* at *when*, unless its life is over by then."""
        life = life_of(context)
        if self._rng is not None:
            when += self._rng.random() * _TIE_S
        if life is None:
            return super().call_at(when, callback, *args, context=context)
        return super().call_at(when, partial(life.run, callback, *args), context=context)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        """Run *func* in the loop instead of in a thread."""
        done: asyncio.Future[T] = self.create_future()
        if self._rng is None:
            _settle(done, _ending(func, *args))
            return done
        at = self._start_of(executor) + self._rng.random() * _JOB_S
        told_at = at + self._rng.random() * _TELL_S
        if executor is not None:
            self._free_s[executor] = told_at + _TIE_S
        self.call_at(at, self._do, told_at, done, partial(func, *args))
        return done

    def _start_of(self, executor: Executor | None) -> float:
        life = life_of(None)
        begin = self.time() if executor is None else max(self.time(), self._free_s.get(executor, 0.0))
        return begin + (life.slow_s if life else 0.0)

    def _do(self, told_at: float, done: "asyncio.Future[T]", job: Callable[[], T]) -> None:
        self.call_at(told_at, _settle, done, _ending(job))


def _ending(func: Callable[[Unpack[Ts]], T], *args: *Ts) -> "Callable[[asyncio.Future[T]], None]":
    """Call *func* and return how its future ends."""
    try:
        result = func(*args)
    except Exception as error:
        failure = error
        return lambda done: done.set_exception(failure)
    return lambda done: done.set_result(result)


def _settle(done: "asyncio.Future[T]", ending: "Callable[[asyncio.Future[T]], None]") -> None:
    if not done.done():  # given up meanwhile
        ending(done)


def _make_task(
    loop: asyncio.AbstractEventLoop,
    coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
    **options: Any,
) -> "asyncio.Task[T]":
    assert isinstance(loop, SimLoop)
    return _SimTask(loop.next_number(), coro, loop=loop, **options)  # type: ignore[arg-type]


def _waiting() -> str:
    tasks = sorted(map(_name, asyncio.all_tasks()))
    more = f" and {len(tasks) - _TASKS_SHOWN} more" if len(tasks) > _TASKS_SHOWN else ""
    return ", ".join(tasks[:_TASKS_SHOWN]) + more


def _name(task: "asyncio.Task[Any]") -> str:
    return str(getattr(task.get_coro(), "__qualname__", task))


def simulate(main: Coroutine[Any, Any, T], seed: int | str | None = None) -> T:
    """Run *main* in a fresh simulated loop.

    Raises:
        DeadlockError: everybody waits for ever.
    """
    with asyncio.Runner(loop_factory=lambda: SimLoop(seed)) as runner:
        return runner.run(main)
