"""Floor 5 · daemon — `mailrail serve`: one process, one loop, until it is asked to stop."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from mailrail.config import MailrailSettings
from mailrail.daemon.assembly import Daemon, World
from mailrail.model import NetError, SettingsError, StoreError, StoreTrouble, SystemClock, system_rng
from mailrail.net import SocketNetwork, is_own_address
from mailrail.observe import Bus, Level
from mailrail.observe.logs import open_log

# sysexits.h
_OK: Final = 0
_CANNOT_CREATE: Final = 73
_TEMPORARY: Final = 75
_NO_PERMISSION: Final = 77
_BAD_SETTINGS: Final = 78


def run(settings: MailrailSettings, config_path: Path) -> int:
    """Serve mail until SIGTERM or SIGINT; return the exit code (sysexits).

    Args:
        settings: checked already.
        config_path: named in errors.
    """
    return _runner()(_serve(settings, config_path))


def _runner() -> Callable[[Coroutine[Any, Any, int]], int]:
    """Return what runs the loop: uvloop where it is installed, else asyncio."""
    try:
        import uvloop  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 -- an extra; most do without
    except ImportError:
        return asyncio.run
    return uvloop.run  # type: ignore[no-any-return,unused-ignore]


async def _serve(settings: MailrailSettings, config_path: Path) -> int:
    loop = asyncio.get_running_loop()
    clock, bus = SystemClock(), Bus()
    log = open_log(settings.log, sys.stderr.fileno(), clock, loop.call_soon)
    bus.listen(log, level=Level[settings.log.level.upper()])
    world = World(
        network=SocketNetwork(settings.net, bus), clock=clock, rng=system_rng(), is_own_address=is_own_address
    )
    code = _OK
    _tame_collector()
    try:
        daemon = await Daemon.build(settings, world, bus)
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            name = signal.Signals(signal_number).name
            loop.add_signal_handler(signal_number, daemon.ask_to_stop, name)
        await daemon.run()
    except* (StoreError, NetError, SettingsError) as group:
        code = _explain(group, config_path)
    finally:
        log.flush()
    return code


def _tame_collector() -> None:
    """Look for cycles less often: a message makes hundreds of short-lived objects and no cycle.

    Measured: 8 % of the time of a relayed message at the default thresholds of (700, 10, 10).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _explain(group: BaseExceptionGroup[Any], config_path: Path) -> int:
    """Say on standard error why the daemon cannot run, and return the exit code."""
    code = _TEMPORARY
    for error in _leaves(group):
        os.write(sys.stderr.fileno(), f"mailrail: {error} (settings: {config_path})\n".encode())
        if isinstance(error, SettingsError):
            code = _BAD_SETTINGS
        elif isinstance(error, StoreError) and error.trouble is StoreTrouble.UNSUITABLE:
            code = _CANNOT_CREATE
        elif isinstance(error.__cause__, PermissionError):
            code = _NO_PERMISSION
    return code


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found
