"""Floor 5 · daemon — `mailrail serve`: one process and one loop, or a supervisor and several, until it is asked to stop."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from mailrail.config import MailrailSettings, leftovers, part_of, worker_count
from mailrail.daemon.assembly import Daemon
from mailrail.daemon.descriptors import raise_limit, within
from mailrail.daemon.events import DaemonStopping, SessionsBounded
from mailrail.daemon.handing import opened, passed, put_away
from mailrail.daemon.hearsay import pairs
from mailrail.daemon.leftover import begin_spool, end_spool, take_over_holds
from mailrail.daemon.loop import Loop
from mailrail.daemon.processes import Born, SystemProcesses
from mailrail.daemon.scheduling import interrupt_nobody
from mailrail.daemon.supervisor import Supervisor
from mailrail.daemon.worker import ALONE, Worker
from mailrail.daemon.world import World
from mailrail.model import SystemClock, system_rng
from mailrail.net import Handed, SocketNetwork, is_own_address
from mailrail.observe import Bus
from mailrail.observe.logs import heard_from, open_log
from mailrail.server import Board
from mailrail.spool import SystemDisk

Reread = Callable[[], MailrailSettings]


def run(settings: MailrailSettings, reread: Reread | None = None) -> None:
    """Serve mail until SIGTERM or SIGINT; SIGHUP reads settings and certificates again.

    Args:
        settings: checked already.
        reread: reads and checks them again.

    Raises:
        StoreError, SettingsError, or an ExceptionGroup of them and NetError: why it cannot serve.
        SystemExit: why a worker cannot serve, which has told it.
    """
    interrupt_nobody()
    given, count = passed(settings), worker_count(settings)
    left = leftovers(settings, count)
    if count == 1 and not left:
        _runner()(_serve(settings, reread, ALONE, Handed(given)))
        return
    made = opened(settings, [endpoint for endpoint, _ in given])
    try:
        code = _supervise(settings, count, left, stopping=lambda: put_away(made))
    except Born as birth:
        worker = birth.worker
    else:
        if code:
            raise SystemExit(code)
        return
    _runner()(_serve(settings, reread, worker, Handed((*given, *made), worker.is_ahead)))


def _supervise(
    settings: MailrailSettings, count: int, left: list[int], stopping: Callable[[], object]
) -> int:
    """Keep workers until the end, and return the exit code.

    Raises:
        Born: in each worker.
    """
    bus, board, supervisor_pid = Bus(), Board(count), os.getpid()
    hearing, key = pairs(count), system_rng().getrandbits(256).to_bytes(32, "big")
    bus.listen(open_log(settings.log, sys.stderr.fileno(), SystemClock()), level=heard_from(settings.log))
    numbers = [*range(count), *left]

    def made(number: int, lifeline: socket.socket, *, is_again: bool) -> Worker:
        return Worker(
            number=number,
            rank=numbers.index(number),
            parts=len(numbers),
            is_leftover=number >= count,
            is_again=is_again,
            main_pid=supervisor_pid,
            seat=board.seat(number) if number < count else None,
            home=settings.spool.path,
            hears=hearing[number][0] if number < count else None,
            tells=tuple(told for other, (_, told) in enumerate(hearing) if other != number),
            key=key,
            lifeline=lifeline,
        )

    def gone(number: int) -> None:
        if number < count:
            board.clear(number)

    return Supervisor(range(count), left, SystemProcesses(made), bus, gone, stopping).run()


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Return what runs the loop: uvloop where it is installed, else asyncio."""
    try:
        import uvloop  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 -- an extra; most do without
    except ImportError:
        return _run
    return uvloop.run  # type: ignore[no-any-return,unused-ignore]


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main)


async def _serve(settings: MailrailSettings, reread: Reread | None, worker: Worker, handed: Handed) -> None:
    loop = asyncio.get_running_loop()
    clock, bus = SystemClock(), Bus()
    number = None if worker.is_alone else worker.number
    log = open_log(settings.log, sys.stderr.fileno(), clock, loop.call_soon, number)
    bus.listen(log, level=heard_from(settings.log))
    bus.listen(lambda _: handed.close(), (DaemonStopping,))
    world = World(
        network=SocketNetwork(settings.net, bus, handed),
        clock=clock,
        rng=system_rng(),
        disk=SystemDisk(),
        is_own_address=is_own_address,
        worker=worker,
    )
    _tame_collector()
    descriptors = raise_limit()

    def own(whole: MailrailSettings) -> MailrailSettings:
        return within(part_of(whole, worker.number, worker.rank, worker.parts), descriptors)

    mine = own(settings)
    if mine.limits.connections < settings.limits.connections:
        bus.emit(
            SessionsBounded(
                asked=settings.limits.connections, most=mine.limits.connections, descriptors=descriptors
            )
        )
    try:
        begin_spool(mine.spool.path)
        daemon = await Daemon.build(mine, world, bus, None if reread is None else lambda: own(reread()))
        try:
            await take_over_holds(daemon.spool, settings, worker, world.network)
        except BaseException:
            await daemon.spool.close()
            raise
        daemon.when_reloaded = lambda now: bus.tune(log, heard_from(now.log))
        _heed_signals(daemon, worker)
        await daemon.run()
        if daemon.is_drained:
            end_spool(mine.spool.path)
    finally:
        log.flush()


def _heed_signals(daemon: Daemon, worker: Worker) -> None:
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        name = signal.Signals(signal_number).name
        loop.add_signal_handler(signal_number, daemon.ask_to_stop, name)
    loop.add_signal_handler(signal.SIGHUP, daemon.ask_to_reload)
    if worker.is_again:  # the settings that it was born with are those of the supervisor's start
        daemon.ask_to_reload()
    lifeline = worker.lifeline
    if lifeline is None:
        return

    def supervisor_gone() -> None:
        loop.remove_reader(lifeline)
        daemon.ask_to_stop("the supervisor is gone")

    def ready() -> None:
        with contextlib.suppress(OSError):  # then it is gone already
            lifeline.send(b"1")

    loop.add_reader(lifeline, supervisor_gone)
    daemon.when_started = ready


def _tame_collector() -> None:
    """Look for cycles less often: a message makes hundreds of short-lived objects and no cycle.

    In three alternating runs the median of CPU a relayed message was 299 µs so and 314 µs with the default
    thresholds of (700, 10, 10): little, and hardly above the noise.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
