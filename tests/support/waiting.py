"""Waiting for what another process or thread does: it comes in its own time, on a busy machine later than one thinks."""

import time
from collections.abc import Callable

from tests.support.peers.processes import PAUSE_S, PeerError

WAIT_S = 20.0


def until(is_so: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
    """Wait until *is_so*.

    Raises:
        PeerError: it was not in time; the text says *what* was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            raise PeerError(f"not in {timeout_s} s: {what}")
        time.sleep(PAUSE_S)
