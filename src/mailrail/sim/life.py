"""Floor 5 · sim — the life of one process in a simulated world, so that it can end as in a power cut.

Whatever runs inside a life carries it along in its context, as asyncio does with every context variable:
tasks, timers, callbacks, jobs of threads. The simulated loop asks here before it runs or schedules anything
of it. So from the instant of `end` on, nothing of the life happens any more: no `except`, no `finally`.

Python, however, runs `finally` blocks when it throws a suspended coroutine away. `bury` does that at once and
in a fixed order; the doors of the machine are dead by then, so nothing gets out.
"""

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")

_MOST_CLOSES: Final = 100  # a coroutine may await once more in each of its nested `finally` blocks


class Life:
    """One process.

    Attributes:
        is_over: it has ended; nothing of it runs any more.
        slow_s: how much longer each job that it gives to a thread takes: a slow disk.
    """

    def __init__(self) -> None:
        self.is_over = False
        self.slow_s = 0.0
        self._context = copy_context()
        self._context.run(LIFE.set, self)

    def start(self, main: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run *main* as a task of this life, and with it everything that it starts."""
        return asyncio.get_running_loop().create_task(main, context=self._context.copy())

    def run(self, callback: Callable[[Unpack[Ts]], object], *args: *Ts) -> None:
        """Call *callback*, unless the life is over."""
        if not self.is_over:
            callback(*args)

    def end(self) -> None:
        """End at once; may be called from inside. To be buried when the loop is out of its code."""
        self.is_over = True

    def bury(self, tasks: "list[asyncio.Task[Any]]") -> None:
        """Throw the suspended coroutines of *tasks* away."""
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined] # as asyncio.gather does
            asyncio._unregister_task(task)  # as "Extending asyncio" has it: it is never done
            coroutine = task.get_coro()
            if inspect.iscoroutine(coroutine):
                self._context.copy().run(_close, coroutine)


def _close(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Close *coroutine* and all that it waits for, innermost first: one that goes on waiting must not be left to its caller."""
    inner = coroutine.cr_await if inspect.iscoroutine(coroutine) else None
    if inspect.iscoroutine(inner):
        _close(inner)
    for _ in range(_MOST_CLOSES):
        # What it raises, or that it goes on waiting, is nobody's business: the process is dead.
        with contextlib.suppress(BaseException):
            coroutine.close()
        if inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED:
            return


LIFE: Final[ContextVar[Life | None]] = ContextVar("life", default=None)


def life_of(context: Context | None) -> Life | None:
    """Return whose life *context* (None: the running one) belongs to."""
    return LIFE.get() if context is None else context.get(LIFE)
