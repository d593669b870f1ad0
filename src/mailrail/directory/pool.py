"""Floor 3 · directory — a few threads for work that takes long, and a bounded queue before them.

Hashing is slow on purpose. In the loop it would stop all mail; in threads without end a crowd of guessers would take the
machine. So what is too much is refused, and its client told to come later.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mailrail.directory.api import DirectoryError

T = TypeVar("T")


class Pool:
    """Runs functions in threads. Make it anywhere, use it in one loop."""

    def __init__(self, threads: int, waiting: int) -> None:
        """Start no thread yet.

        Args:
            threads: functions that run at one time.
            waiting: functions that may wait for these.
        """
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="directory")
        self._most = threads + waiting
        self._count = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Run *work* in a thread.

        Raises:
            DirectoryError: too many wait.

        *Cancel-safe:* yes; what runs already runs to its end, and counts until then.
        """
        if self._count >= self._most:
            raise DirectoryError("too many logins at one time")
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
