"""Floor 5 · sim — one mailrail in a make-believe world: a daemon as it is, on a machine, a disk and a clock that are not.

Machine, disk and clock outlive it; each start is a new life on them, with a bus and chance of its own. What a service manager
does is done here, too: a daemon that ends by itself is started again after a while.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from mailrail.agents import Account, Identity
from mailrail.config import MailrailSettings
from mailrail.daemon import Daemon, World
from mailrail.model import NetError, StoreError
from mailrail.observe import Bus, Event
from mailrail.sim.clock import SimClock, seeded
from mailrail.sim.disk import SimDisk
from mailrail.sim.life import Life
from mailrail.sim.loop import SimLoop
from mailrail.sim.machine import Machine
from mailrail.sim.mount import Mount

_START_AGAIN_S: Final = 5.0
_UID: Final = 1000


def _account(name: str) -> Account:
    """Return the one account of a simulated machine, whatever it is called."""
    return Account(name, _UID, _UID, f"/home/{name}")


class MortalBus(Bus):
    """A bus that falls silent with the life that it belongs to."""

    def __init__(self, life: Life) -> None:
        super().__init__()
        self._life = life

    def emit(self, event: Event) -> None:
        """Hand *event* to its listeners, in life."""
        if not self._life.is_over:
            super().emit(event)


class Node:
    """One mailrail.

    Args:
        seed: decides what its disk loses, and its own chance.
        on_start: called with the bus of each new life, for whoever wants to listen.
        say: called with what happens to the node, in words.

    Attributes:
        daemon: of the present life, None before it is built.
        slow_s: how much longer each job for the disk takes.
        faults: what ended the daemon by itself and should not have.
    """

    def __init__(
        self,
        name: str,
        settings: MailrailSettings,
        machine: Machine,
        *,
        seed: int | str,
        on_start: Callable[[Bus], None],
        say: Callable[[str], None],
    ) -> None:
        self.name = name
        self.settings = settings
        self.machine = machine
        self.clock = SimClock()
        self.disk = SimDisk(seeded(f"disk of {name} {seed}"))
        self.daemon: Daemon | None = None
        self.slow_s = 0.0
        self.faults: list[BaseException] = []
        self._seed = seed
        self._on_start = on_start
        self._say = say
        self._lives = 0
        self._life: Life | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_up(self) -> bool:
        """Tell whether it lives."""
        return self._life is not None

    def start(self) -> None:
        """Start, as on a disk where it may have been before; must be called by the world, not from a life."""
        assert self._life is None
        self._lives += 1
        self._life = life = Life()
        life.slow_s = self.slow_s
        self.machine.revive()
        self._task = life.start(self._live(life, Mount(self.disk)))
        self._task.add_done_callback(self._ended)

    def slow_down(self, slow_s: float) -> None:
        """Let each job for the disk take *slow_s* longer."""
        self.slow_s = slow_s
        if self._life is not None:
            self._life.slow_s = slow_s

    def crash(self, *, is_power_cut: bool) -> None:
        """End at once: the process alone, or with the machine's power what the disk had not synced."""
        life, self._life = self._life, None
        if life is None:
            return
        life.end()
        self.daemon = self._task = None
        if is_power_cut:
            self.machine.power_off()
            self.disk.crash()
        else:
            self.machine.kill()
            self.disk.kill()
        # It may be running: whoever pulled the plug may have been called by it.
        loop = asyncio.get_running_loop()
        loop.call_soon(_bury, loop, life, context=self.machine.system)

    def perform(self, deed: Callable[[Daemon], Coroutine[Any, Any, None]]) -> "asyncio.Task[None] | None":
        """Let the present life do *deed*, which a crash cuts short; None where there is no daemon now."""
        if self._life is None or self.daemon is None:
            return None
        return self._life.start(deed(self.daemon))

    async def stop(self) -> None:
        """End in good order; wait until that is done."""
        task, daemon = self._task, self.daemon
        if task is None or daemon is None:
            self.crash(is_power_cut=False)
            return
        daemon.ask_to_stop()
        await asyncio.wait((task,))

    async def _live(self, life: Life, mount: Mount) -> None:
        world = World(
            network=self.machine,
            clock=self.clock,
            rng=seeded(f"{self.name} {self._lives} {self._seed}"),
            disk=mount,
            is_own_address=self.machine.addresses.__contains__,
            identity=Identity(_UID, _account),
        )
        bus = MortalBus(life)
        self._on_start(bus)
        self.daemon = await Daemon.build(self.settings, world, bus)
        await self.daemon.run()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """The daemon ended by itself, or because it was asked to."""
        self._life = self._task = self.daemon = None
        self.machine.kill()
        self.disk.kill()
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        self._say(f"{self.name} gave up: {error}")
        if not _is_of_the_world(error):
            self.faults.append(error)
        loop = asyncio.get_running_loop()
        loop.call_later(_START_AGAIN_S, self._start_again, context=self.machine.system)

    def _start_again(self) -> None:
        if self._life is None:
            self.start()


def _is_of_the_world(error: BaseException) -> bool:
    """Tell whether *error* is what a daemon may end with: its disk or its network does not let it live."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_of_the_world, error.exceptions))
    return isinstance(error, StoreError | NetError)


def _bury(loop: asyncio.AbstractEventLoop, life: Life) -> None:
    assert isinstance(loop, SimLoop)
    buried: set[asyncio.Task[Any]] = set()
    # What a `finally` block starts while it is thrown away is thrown away, too.
    while tasks := [task for task in loop.tasks_of(life) if task not in buried]:
        life.bury(tasks)
        buried.update(tasks)
