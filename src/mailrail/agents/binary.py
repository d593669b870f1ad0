"""Floor 4 · agents — binary mail on its way to where lines end as the system has them: into files and programs.

What came with BODY=BINARYMIME may have CR, LF and NUL anywhere, which neither a change of line ends nor a reader of mailboxes leaves whole. RFC 3030 §3
lets it go on converted, or back: its binary parts become base64, all else stays. Services and functions get it as it came, for nothing of it
is changed on the way there.
"""

from dataclasses import replace
from functools import partial

from mailrail.agents import classify
from mailrail.agents.api import Letter
from mailrail.agents.threads import Threads
from mailrail.client import Source, WholeSource, read_whole
from mailrail.message import CONVERT_BYTES, Obstacle, convert
from mailrail.model import Body, Failed
from mailrail.spool import SMALL_BYTES


class _Long:
    """Content in memory that is too long to be handed over in one piece (a Source)."""

    whole: None = None

    def __init__(self, content: bytes) -> None:
        self.size_bytes = len(content)
        self._content = content

    async def read(self, offset: int, length: int, /) -> bytes:
        """Return a slice."""
        return self._content[offset : offset + length]


async def as_text(letter: Letter, threads: Threads) -> Letter | Failed:
    """Return *letter* in a form in which CR and LF stand only together, or why there is none; the same object if it is not binary.

    Raises:
        StoreError: the content cannot be read.
    """
    message = letter.message
    if message.envelope.body is not Body.BINARY:
        return letter
    if letter.content.size_bytes > CONVERT_BYTES:
        return classify.no_text(Obstacle.TOO_BIG)
    content = await read_whole(letter.content)
    result = await threads.run(partial(convert, content, may_8bit=True))
    if isinstance(result, Obstacle):
        return classify.no_text(result)
    envelope = replace(message.envelope, body=Body.EIGHT_BIT)
    message = replace(message, envelope=envelope, size_bytes=len(result), has_8bit=not result.isascii())
    source: Source = WholeSource(result) if len(result) <= SMALL_BYTES else _Long(result)
    return Letter(message, source, letter.indexes)
