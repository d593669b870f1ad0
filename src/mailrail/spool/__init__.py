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
from mailrail.spool.disk import Disk
from mailrail.spool.memory import MemorySpool, MemoryStore
from mailrail.spool.settings import SpoolSettings
from mailrail.spool.sqlite import SqliteSpool, open_spool
from mailrail.spool.survey import Survey, survey
from mailrail.spool.system_disk import SystemDisk

__all__ = [
    "SMALL_BYTES",
    "Change",
    "Committed",
    "Content",
    "DestinationStats",
    "Disk",
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
    "Survey",
    "SystemDisk",
    "Want",
    "open_spool",
    "survey",
]
