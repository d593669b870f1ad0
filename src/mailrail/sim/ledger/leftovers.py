"""Floor 5 · sim — what a spool still keeps when a simulation ends, read from its content."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from mailrail.message import parse_report
from mailrail.model import SECOND_US
from mailrail.sim.posting import key_of
from mailrail.spool import Filter, Listed, Spool

_PAGE: Final = 500
_READ_BYTES: Final = 64 * 1024  # a notice of many recipients included


@dataclass(frozen=True, slots=True)
class Leftover:
    """One item that still waits.

    Attributes:
        key: of the copy, or of the copy that a notice is about; "" for a message of nobody we know.
        recipients: forward-paths that wait; of a notice, those it tells of.
        is_notice: it is a notice.
        age_s: since it was accepted.
        destination: where it would go.
    """

    key: str
    recipients: tuple[str, ...]
    is_notice: bool
    age_s: float
    destination: str


async def leftovers(spool: Spool, now_us: int) -> list[Leftover]:
    """Read all that *spool* keeps.

    Raises:
        StoreError: it does not read back, which no simulation may bring about.
    """
    return [await _read(spool, row, now_us) async for row in _rows(spool)]


async def _rows(spool: Spool) -> AsyncIterator[Listed]:
    after = None
    while rows := await spool.select(Filter(), after=after, limit=_PAGE):
        for row in rows:
            yield row
        after = (rows[-1].item.queue_id, rows[-1].item.destination)


async def _read(spool: Spool, row: Listed, now_us: int) -> Leftover:
    message, item = row.message, row.item
    content = await spool.open(message.queue_id)
    try:
        octets = await content.read(0, min(content.size_bytes, _READ_BYTES))
    finally:
        content.close()
    # A notice that another made, and that only passes through here, too.
    report = parse_report(octets) if message.envelope.reverse_path is None else None
    if report is not None:
        paths = tuple(one.final_recipient.partition(";")[2] for one in report.recipients)
    else:
        paths = tuple(str(message.envelope.recipients[one.index].forward_path) for one in item.pending)
    age_s = (now_us - message.arrived_us) / SECOND_US
    return Leftover(key_of(octets) or "", paths, report is not None, age_s, item.destination)
