"""Random changes of known inputs: no fuzzer, but enough that a target cannot rot unseen."""

from collections.abc import Iterator, Sequence
from random import Random

LARGEST = 4096  # octets; what takes more to break is sought by measure, not by chance
_SPICE = (
    b"\r\n", b"\r", b"\n", b"\r\n.\r\n", b".", b"\0", b"\xff", b"\xc3\xa4", b"\\", b'"', b"<", b">", b"@", b":", b";",
    b"=", b"(", b"-", b"250 ", b"550-", b"9" * 30, b"%", b"+", b" ", b"\t", b"[", b"]", b"\x80", b"\x7f",
)  # fmt: skip


def mutations(seeds: Sequence[bytes], count: int, chance: Random) -> Iterator[bytes]:
    """Yield *count* inputs, each a seed changed at one to four places."""
    for _ in range(count):
        data = bytearray(chance.choice(seeds)[:LARGEST])
        for _ in range(chance.randint(1, 4)):
            _change(data, seeds, chance)
        yield bytes(data[:LARGEST])


def _change(data: bytearray, seeds: Sequence[bytes], chance: Random) -> None:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.randint(0, 20))
    match chance.randrange(5):
        case 0:
            data[start:start] = chance.choice(_SPICE)
        case 1:
            data[start:end] = b""
        case 2:
            data[start:start] = data[start:end] * chance.randint(1, 5)
        case 3:
            data[start:end] = chance.randbytes(chance.randint(1, 4))
        case _:
            other = chance.choice(seeds)
            data[start:] = other[chance.randint(0, len(other)) :]
