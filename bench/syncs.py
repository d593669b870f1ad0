"""How many syncs the disk takes when several ask at once: what bounds many workers, each with a spool of its own."""

import os
import threading
import time
from pathlib import Path

from bench.run import Run

FILES = (1, 2, 4, 8, 16, 64)
COMMIT_BYTES = 8192  # a message of 4 KiB with its row, about


def measure(run: Run) -> None:
    """Append to so many files at once, each synced behind each write, as each worker's commits are."""
    with run.folder("syncs") as folder:
        for _ in range(run.rounds):
            for count in FILES:
                rate = syncs_per_s(folder, count, min(run.seconds, 2.0))
                run.results.add("syncs a second, all files", f"{count} files", "syncs/s", rate)


def syncs_per_s(folder: Path, count: int, seconds: float) -> float:
    """Return how many syncs a second *count* writers get together."""
    until = time.monotonic() + seconds
    done = [0] * count

    def write(number: int) -> None:
        with (folder / f"file-{number}").open("wb", buffering=0) as file:
            while time.monotonic() < until:
                file.write(bytes(COMMIT_BYTES))
                if done[number] % 1000 == 999:
                    os.ftruncate(file.fileno(), 0)
                    file.seek(0)
                os.fdatasync(file.fileno())
                done[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / seconds
