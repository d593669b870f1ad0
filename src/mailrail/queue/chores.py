"""Floor 4 · queue — what the manager has begun and waits for only at its end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Chores:
    """Coroutines on their way.

    Args:
        done: called whenever one has ended.

    Attributes:
        group: where they run; None: not begun.
        is_over: nothing is begun any more.
    """

    __slots__ = ("_done", "_tasks", "group", "is_over")

    def __init__(self, done: Callable[[], None]) -> None:
        self.group: asyncio.TaskGroup | None = None
        self.is_over = False
        self._done = done
        self._tasks: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def start(self, chore: Coroutine[Any, Any, None]) -> None:
        """Begin *chore*."""
        assert self.group is not None
        if self.is_over:
            # Too late: leases end with the process, and what was not stored is done again.
            chore.close()
            return
        task = self.group.create_task(chore)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """End them all."""
        self.is_over = True
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._done()
