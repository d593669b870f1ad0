"""Floor 4 · agents — a message as a file, for those who take it whole: programs, services, functions.

Up to SMALL_BYTES it is in memory, above in a file without a name, in the system's directory for such.
"""

from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO

from mailrail.agents.api import Letter
from mailrail.agents.postmark import HEADER_OCTETS, LineEnds, without_return_path
from mailrail.agents.threads import Threads
from mailrail.spool import SMALL_BYTES

_PIECE_OCTETS = 256 * 1024


async def beginning_of(letter: Letter) -> bytes:
    """Return the first HEADER_OCTETS of the content, or all of it where it is in memory.

    Raises:
        StoreError: it cannot be read.
    """
    content = letter.content
    return content.whole if content.whole is not None else await content.read(0, HEADER_OCTETS)


async def copy_into(
    file: IO[bytes], letter: Letter, beginning: bytes, threads: Threads, *, unix_ends: bool
) -> None:
    """Write the content of *letter* to *file*, without the return paths that came along.

    Args:
        beginning: from `beginning_of`.
        unix_ends: with LF line ends.

    Raises:
        StoreError: it cannot be read.
        OSError: it cannot be written.
    """
    content, at, ends = letter.content, len(beginning), LineEnds()
    piece = without_return_path(beginning)
    while True:
        await threads.run(partial(file.write, ends.feed(piece) if unix_ends else piece))
        if at >= content.size_bytes:
            break
        piece = await content.read(at, _PIECE_OCTETS)
        at += len(piece)
    if unix_ends:
        file.write(ends.end())


def scratch() -> IO[bytes]:
    """Return an empty file that goes when it is closed."""
    return SpooledTemporaryFile(max_size=SMALL_BYTES)
