"""Floor 2 · tables — a few threads for work that takes long, and a bounded queue before them.

A database on a disk waits, a function of the operator's does what it likes, and hashing is slow on purpose. In the loop it would stop all mail; in threads
without end a crowd of guessers would take the machine. So what is too much is refused, and its client told to come later.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mailrail.model import MailrailError
from mailrail.tables.api import TableError

T = TypeVar("T")


class Pool:
    """Runs functions in threads. Make it anywhere, use it in one loop."""

    def __init__(
        self, threads: int, waiting: int, *, name: str = "tables", busy: type[MailrailError] = TableError
    ) -> None:
        """Start no thread yet.

        Args:
            threads: functions that run at one time.
            waiting: functions that may wait for these.
            name: of the threads, for who looks at a process.
            busy: what is raised where too many wait.
        """
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._busy = busy
        self._most = threads + waiting
        self._count = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Run *work* in a thread.

        Raises:
            MailrailError: too many wait; of the type that was given.

        *Cancel-safe:* yes; what runs already runs to its end, and counts until then.
        """
        if self._count >= self._most:
            raise self._busy("too many questions at one time")
        self._count += 1
        done = asyncio.get_running_loop().run_in_executor(self._executor, work)
        done.add_done_callback(self._ended)
        return await asyncio.shield(done)

    def _ended(self, done: "asyncio.Future[T]") -> None:
        self._count -= 1
        if not done.cancelled():
            done.exception()  # whoever waited may have gone, and then nobody asks

    def close(self) -> None:
        """Take nothing more; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)
