"""Work measured without a clock: the same on every machine, so that a test can say "twice the input, twice the work"."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import TraceFunction


def octets_gone_through(method: str, run: Callable[[], object]) -> int:
    """Add up the lengths of all strings that *run* calls *method* of, for instance "count"."""
    total = 0

    def note(_frame: FrameType, event: str, called: object) -> None:
        nonlocal total
        if event == "c_call" and getattr(called, "__name__", "") == method:
            owner = getattr(called, "__self__", None)
            total += len(owner) if isinstance(owner, bytes | bytearray | str) else 0

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return total


def lines_run(run: Callable[[], object]) -> int:
    """Count the lines of Python that *run* goes through."""
    total = 0

    def note(_frame: FrameType, event: str, _arg: object) -> "TraceFunction":
        nonlocal total
        total += event == "line"
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        run()
    finally:
        sys.settrace(before)
    return total
