"""Floor 4 · agents — where blocking work is done: threads of the room's own, so that a disk that hangs holds up nothing else.

They go through the running loop's `run_in_executor`; a simulated loop runs the work itself.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

# Ours: what runs at one time is bounded by the windows of the destinations, and this only by them together.
_MOST: Final = 64


class LooseThreads(Executor):
    """A thread for each piece of work, which the process does not wait for at its end: for code that nobody can end."""

    def submit(self, fn: "Callable[P, T]", /, *args: "P.args", **kwargs: "P.kwargs") -> "Future[T]":
        """Begin *fn* at once."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name="agents", daemon=True).start()
        return future


class Threads:
    """Threads for mailboxes, or for one agent that calls others. Make it anywhere, use it in one loop."""

    def __init__(self, executor: Executor | None = None) -> None:
        self._executor = executor or ThreadPoolExecutor(_MOST, thread_name_prefix="agents")

    async def run(self, work: Callable[[], T]) -> T:
        """Do *work* in a thread.

        *Cancel-safe:* yes; what runs already runs to its end.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def within(self, limit_s: float, work: Callable[[], T], give_up: Callable[[], object]) -> T | None:
        """Do *work* in a thread, and call *give_up*, which must end it soon, when it takes longer than *limit_s*.

        Returns:
            What it returned; None when it was given up.

        *Cancel-safe:* yes; it is given up.
        """
        future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        try:
            await asyncio.wait((future,), timeout=limit_s)
            if future.done():
                return future.result()
            give_up()
            await asyncio.wait((future,))
        except asyncio.CancelledError:
            give_up()
            future.add_done_callback(_ignore)
            raise
        _ignore(future)
        return None

    def leave(self, work: Callable[[], object]) -> None:
        """Have *work* done without waiting for it."""
        asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """Take nothing more; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _ignore(future: "asyncio.Future[T]") -> None:
    if not future.cancelled():
        future.exception()
