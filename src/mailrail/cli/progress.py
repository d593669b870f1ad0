"""Floor 5 · cli — a sign of life for what takes longer than a second."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

_FIRST_S: Final = 1.0
_EVERY_S: Final = 0.5


@contextmanager
def progress(doing: str, stream: TextIO | None = None) -> Iterator[None]:
    """Show *doing* and the seconds gone by on a terminal's standard error, from the first second on.

    Runs on the loop's timers: use it inside a running loop.
    """
    out = stream or sys.stderr
    if not out.isatty():
        yield
        return
    ticker = _Ticker(doing, out)
    try:
        yield
    finally:
        ticker.stop()


class _Ticker:
    def __init__(self, doing: str, out: TextIO) -> None:
        self._doing = doing
        self._out = out
        self._is_shown = False
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._timer = self._loop.call_later(_FIRST_S, self._tick)

    def _tick(self) -> None:
        self._is_shown = True
        self._out.write(f"\r{self._doing} … {self._loop.time() - self._began:.0f} s")
        self._out.flush()
        self._timer = self._loop.call_later(_EVERY_S, self._tick)

    def stop(self) -> None:
        self._timer.cancel()
        if self._is_shown:
            self._out.write("\r\x1b[K")
            self._out.flush()
