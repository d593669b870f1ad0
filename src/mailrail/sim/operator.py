"""Floor 5 · sim — who looks after a node: holds, releases, retries, returns and deletes mail now and then.

What is done is done by the node itself, as for its admin socket, and a crash may cut it short. The ledger is told before and
after: what an operator deletes is not lost, and what he wants tried is not early.
"""

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, Final

from mailrail.daemon import Daemon
from mailrail.model import Rng, StoreError
from mailrail.queue import Control
from mailrail.sim.ledger import Ledger
from mailrail.sim.node import Node
from mailrail.spool import Filter

_PATIENCE_S: Final = 600.0
_HOLD_S: Final = 3600.0
_SEEN: Final = 50  # items, of which one is chosen

Deed = Callable[[Daemon], Coroutine[Any, Any, None]]


class Act(Enum):
    """What an operator does."""

    HOLD = "hold"
    RETRY = "retry"
    BOUNCE = "bounce"
    DELETE = "delete"


class Operator:
    """Acts on *node* by chance.

    Args:
        domain: whose mail is held at times.
    """

    def __init__(self, node: Node, ledger: Ledger, rng: Rng, domain: str) -> None:
        self._node = node
        self._ledger = ledger
        self._rng = rng
        self._domain = domain

    async def run(self, every_s: float, until_s: float) -> None:
        """Do something *every_s* on average, until *until_s* on the loop's clock."""
        loop, acts = asyncio.get_running_loop(), tuple(Act)
        while True:
            await asyncio.sleep(self._rng.uniform(0.0, 2 * every_s))
            if loop.time() >= until_s:
                return
            act = acts[int(self._rng.random() * len(acts))]
            if act is Act.HOLD:
                await self._hold(Filter(recipient=self._domain))
            else:
                await self._do(lambda daemon, act=act: self._change(daemon.control, act))  # type: ignore[misc]

    async def _hold(self, held: Filter) -> None:
        """Hold a domain's mail, what is there and what comes, for a while."""

        async def hold(daemon: Daemon) -> None:
            await daemon.control.hold(held)

        async def release(daemon: Daemon) -> None:
            await daemon.control.release(held)

        if await self._do(hold):
            await asyncio.sleep(_HOLD_S)
            while not await self._do(release):
                await asyncio.sleep(_PATIENCE_S)

    async def _change(self, control: Control, act: Act) -> None:
        """Change one message, whichever."""
        rows = await control.page(Filter(), limit=_SEEN)
        if not rows:
            return
        chosen = rows[int(self._rng.random() * len(rows))].item.queue_id
        wanted = Filter(queue_ids=(chosen,))
        self._ledger.acts(chosen, is_delete=act is Act.DELETE)
        match act:
            case Act.RETRY:
                await control.retry(wanted)
            case Act.BOUNCE:
                await control.bounce(wanted)
            case Act.DELETE:
                await control.delete(wanted)
            case Act.HOLD:
                raise AssertionError("holds are for domains")
        self._ledger.acts(chosen)

    async def _do(self, deed: Deed) -> bool:
        """Let the node do *deed*; tell whether it did."""
        task = self._node.perform(deed)
        if task is None:
            return False
        await asyncio.wait((task,), timeout=_PATIENCE_S)
        if not task.done() or task.cancelled():
            return False
        error = task.exception()
        if error is not None and not isinstance(error, StoreError):
            raise error
        return error is None
