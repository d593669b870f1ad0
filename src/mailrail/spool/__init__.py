"""Floor 3 · spool — what must survive a power cut."""

from mailrail.spool.api import (
    SMALL_BYTES,
    Change,
    Committed,
    Content,
    DestinationStats,
    Draft,
    Filter,
    Lease,
    Listed,
    NewMessage,
    Settled,
    Settlement,
    Spool,
    Want,
)
from mailrail.spool.memory import MemorySpool, MemoryStore
from mailrail.spool.settings import SpoolSettings
from mailrail.spool.sqlite import SqliteSpool, open_spool

__all__ = [
    "SMALL_BYTES",
    "Change",
    "Committed",
    "Content",
    "DestinationStats",
    "Draft",
    "Filter",
    "Lease",
    "Listed",
    "MemorySpool",
    "MemoryStore",
    "NewMessage",
    "Settled",
    "Settlement",
    "Spool",
    "SpoolSettings",
    "SqliteSpool",
    "Want",
    "open_spool",
]
