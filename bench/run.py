"""What every scenario is handed: who is measured, for how long, where, and where the figures go."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.results import Results
from bench.subjects import STARTERS, Plan, Subject

# smtp-sink's own limit of 256 connections would queue what a server opens beyond it.
SINK_OPTIONS = ("-m", "2000")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmark."""

    results: Results
    subjects: tuple[str, ...]
    rounds: int
    seconds: float
    quick: bool
    base: Path

    def turns(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Rounds, each with the subjects in another order: none always runs on the disk another has just filled."""
        for number in range(self.rounds):
            cut = number % len(self.subjects) if self.subjects else 0
            yield number, self.subjects[cut:] + self.subjects[:cut]

    @contextlib.contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A folder on the measured disk that servers running as other users may enter."""
        with tempfile.TemporaryDirectory(
            prefix=f"{name}-", dir=self.base, ignore_cleanup_errors=True
        ) as path:
            Path(path).chmod(0o755)
            yield Path(path)

    @contextlib.contextmanager
    def server(self, name: str, plan: Plan) -> Iterator[Subject]:
        """Start a subject in an empty folder."""
        with self.folder(name) as folder, STARTERS[name](plan, folder) as subject:
            yield subject
