"""Instructions of a process, counted by valgrind's callgrind: the same on a busy machine as on a quiet one.

The process runs some forty times slower under it, and counts only between `begin` and `end`. What the system does on its
behalf is not counted, and waiting costs nothing: a count says what the code costs, not how fast it is.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ORDER_TIMEOUT_S = 60.0  # a busy process takes a moment to hear
_TOTALS = re.compile(r"^totals: (\d+)$", re.MULTILINE)


class CountingError(RuntimeError):
    """Valgrind did not do as it was told."""


def why_missing() -> str | None:
    """Say why nothing can be counted here; None if it can."""
    missing = [name for name in ("valgrind", "vgdb") if shutil.which(name) is None]
    return f"{' and '.join(missing)} not found: `apt-get install valgrind`" if missing else None


def environment() -> Mapping[str, str]:
    """Our environment, with a fixed seed: sets and dictionaries in the same order each time."""
    return {**os.environ, "PYTHONHASHSEED": "0"}


class Counter:
    """Counts one process, started with `command`.

    Args:
        folder: where valgrind writes; empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def command(self, command: Sequence[str]) -> list[str]:
        """Return *command* as it is to be started."""
        options = ["--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"]
        files = [f"--callgrind-out-file={self._folder}/counts", f"--log-file={self._folder}/valgrind.log"]
        return ["valgrind", *options, *files, *command]

    def begin(self, pid: int) -> None:
        """Count from now on."""
        self._order(pid, "zero")
        self._order(pid, "instrumentation on")

    def end(self, pid: int) -> int:
        """Stop, and return the instructions of all threads since `begin`."""
        self._order(pid, "dump")
        self._order(pid, "instrumentation off")
        total = 0
        for dump in self._folder.glob("counts.*"):
            total += sum(int(number) for number in _TOTALS.findall(dump.read_text()))
            dump.unlink()
        return total

    def _order(self, pid: int, order: str) -> None:
        done = subprocess.run(
            ["vgdb", f"--pid={pid}", *order.split(" ")],
            capture_output=True, text=True, timeout=ORDER_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise CountingError(f"valgrind did not take {order!r}: {done.stderr or done.stdout}")
