"""Floor 5 · sim — what is on a simulated disk, and what only seems to be.

Every file and directory is there twice: as running programs see it, and as it is on stable storage. Between the two
stand the changes since the last sync, in order. A power cut makes a third from them: each change is lost,
kept or, if it is a write, torn; each on its own, for no disk and no file system promises an order. What
was synced stays, and bytes outside the range of a write stay (SQLite calls that "powersafe overwrite" and relies on it).

Names are changes of their directory, and no sync of a file carries its name along. The one thing taken from real file systems
is that a rename is a single entry of their journal: kept or lost as a whole.
"""

import itertools
import random
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_SECTOR: Final = 512


class _Mood(Enum):
    """How a power cut treats what was not synced."""

    LOSE = auto()
    KEEP = auto()
    MIX = auto()


class Fate:
    """What one power cut, or one failed sync, does; equal seeds, equal losses."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        # The two ends are the likeliest to find a sync that is missing or a state that was not meant to be seen.
        self._mood = rng.choice((_Mood.LOSE, _Mood.KEEP, _Mood.MIX, _Mood.MIX))
        self._names: dict[int, bool] = {}

    def keeps(self, change: "_Names") -> bool:
        """Tell whether the names that *change* gave and took are kept: the same for each directory that is asked."""
        return self._names.setdefault(id(change), self._coin())

    def write(self, content: bytearray, change: "_Write | _Cut") -> None:
        """Apply as much of *change* to *content* as survives."""
        if isinstance(change, _Cut):
            if self._coin():
                _cut(content, change.size)
        elif self._mood is _Mood.MIX and self._rng.random() < 0.5:
            self._tear(content, change)
        elif self._coin():
            _put(content, change.offset, change.chunk)

    def _coin(self) -> bool:
        return self._rng.random() < 0.5 if self._mood is _Mood.MIX else self._mood is _Mood.KEEP

    def _tear(self, content: bytearray, change: "_Write") -> None:
        """Write some sectors, and one of them not to its end."""
        start, chunk = change.offset, change.chunk
        cuts = [0, *range(_SECTOR - start % _SECTOR, len(chunk), _SECTOR), len(chunk)]
        for begin, end in itertools.pairwise(cuts):
            if self._rng.random() < 0.5:
                _put(content, start + begin, chunk[begin:end])
        begin = self._rng.choice(cuts[:-1])
        part = chunk[begin : begin + self._rng.randrange(_SECTOR)]
        _put(content, start + begin, part)


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    chunk: bytes


@dataclass(frozen=True, slots=True)
class _Cut:
    size: int


class SimFile:
    """A file.

    Attributes:
        content: as programs see it.
        holder: who has locked it.
    """

    def __init__(self, stable: bytes | bytearray = b"", mode: int = 0o600) -> None:
        self.content = bytearray(stable)
        self.mode = mode
        self.holder: object = None
        self._stable = bytearray(stable)
        self._changes: list[_Write | _Cut] = []

    def write(self, offset: int, chunk: bytes) -> None:
        """Put *chunk* at *offset*."""
        _put(self.content, offset, chunk)
        self._changes.append(_Write(offset, chunk))

    def truncate(self, size: int) -> None:
        """Make it *size* bytes long."""
        _cut(self.content, size)
        self._changes.append(_Cut(size))

    def sync(self) -> None:
        """Put all changes on stable storage."""
        for change in self._changes:
            if isinstance(change, _Cut):
                _cut(self._stable, change.size)
            else:
                _put(self._stable, change.offset, change.chunk)
        self._changes.clear()

    def lose(self, fate: Fate) -> None:
        """Fail to sync, as Linux does it: programs still see all changes, *fate* has written some, no later sync writes the rest."""
        for change in self._changes:
            fate.write(self._stable, change)
        self._changes.clear()

    def flip(self, bit: int) -> None:
        """Turn one bit over, on stable storage too."""
        for content in (self.content, self._stable):
            if bit // 8 < len(content):
                content[bit // 8] ^= 1 << bit % 8

    def survivor(self, fate: Fate) -> "SimFile":
        """Return what a power cut leaves."""
        content = bytearray(self._stable)
        for change in self._changes:
            fate.write(content, change)
        return SimFile(content, self.mode)


@dataclass(frozen=True, eq=False, slots=True)
class _Names:
    """One entry of the file system's journal: names given (a node) and taken (None), in one or two directories."""

    entries: "tuple[tuple[SimDirectory, str, Node | None], ...]"


class SimDirectory:
    """A directory.

    Attributes:
        names: as programs see them.
    """

    def __init__(self, mode: int = 0o700) -> None:
        self.names: dict[str, SimFile | SimDirectory] = {}
        self.mode = mode
        self._stable: dict[str, SimFile | SimDirectory] = {}
        self._changes: list[_Names] = []

    def give(self, name: str, node: "Node") -> None:
        """Put *node* here under *name*."""
        _change((self, name, node))

    def take(self, name: str) -> None:
        """Take *name* away."""
        _change((self, name, None))

    def move(self, name: str, other: "SimDirectory", new_name: str) -> None:
        """Give what is here as *name* the name *new_name* in *other*, in one entry of the journal."""
        node = self.names[name]
        _change((self, name, None), (other, new_name, node))

    def sync(self) -> None:
        """Put the names on stable storage; of a rename both halves, with what was before in the other directory."""
        changes, self._changes = self._changes, []
        for change in changes:
            for directory, name, node in change.entries:
                if directory is not self:
                    directory.sync()
                _set(directory._stable, name, node)

    def survivor(self, fate: Fate) -> "SimDirectory":
        """Return what a power cut leaves, with everything below."""
        stable = dict(self._stable)
        for change in self._changes:
            if fate.keeps(change):
                for directory, name, node in change.entries:
                    if directory is self:
                        _set(stable, name, node)
        kept = SimDirectory(self.mode)
        kept._stable = {name: node.survivor(fate) for name, node in stable.items()}
        kept.names = dict(kept._stable)
        return kept


Node = SimFile | SimDirectory


def _change(*entries: tuple[SimDirectory, str, Node | None]) -> None:
    change = _Names(entries)
    for directory, name, node in entries:
        _set(directory.names, name, node)
        if change not in directory._changes:
            directory._changes.append(change)


def _set(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _put(content: bytearray, offset: int, chunk: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(chunk)] = chunk


def _cut(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))
