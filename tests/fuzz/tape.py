"""The choices of a target, read off the front of its input: the same bytes are always the same run."""

from collections.abc import Iterator


class Tape:
    """Bytes to decide by, then bytes to feed; behind the end everything is zero."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, below: int) -> int:
        """Take one octet as a number under *below*, at most 256."""
        return self.take(1)[0] % below

    def flag(self) -> bool:
        return bool(self.number(2))

    def take(self, octets: int) -> bytes:
        taken = self._data[self._at : self._at + octets]
        self._at += octets
        return taken.ljust(octets, b"\0")

    def rest(self) -> bytes:
        return self._data[self._at :]


def cut(data: bytes, sizes: bytes) -> Iterator[bytes]:
    """Go through *data* in pieces: of one octet without *sizes*, else of these sizes in turn."""
    at, turn = 0, 0
    while at < len(data):
        size = 1 + sizes[turn % len(sizes)] if sizes else 1
        yield data[at : at + size]
        at, turn = at + size, turn + 1
