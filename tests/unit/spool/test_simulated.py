"""The whole spool in a loop that runs executors inline and has no real time, as the simulator's does."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from tests.support.spools import Mail, SqliteDisk, store

from mailrail.spool import SMALL_BYTES, Filter, Settlement, Want

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class InlineLoop(asyncio.SelectorEventLoop):
    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def test_the_spool_lives_in_a_loop_without_threads(tmp_path: Path) -> None:
    async def main() -> None:
        disk = SqliteDisk(tmp_path)
        mail, spool = Mail(disk.clock), await disk.open()
        for size_bytes in (10, 9 * SMALL_BYTES):
            message = mail.message(size_bytes=size_bytes)
            (lease,) = (await store(spool, message, mail.items(message), lease=True)).leases
            await spool.give_back([lease])
            (lease,) = await spool.claim(Want(1, 1))
            assert (await spool.open(message.queue_id)).size_bytes == size_bytes
            assert (await spool.settle(Settlement(lease, None, (mail.notice(),)))).done
        await spool.maintain()
        assert await spool.count(Filter()) == 2
        await spool.close()

    loop = InlineLoop()
    loop.run_until_complete(main())
    loop.close()
