"""Floor 3 · spool — the settings of the store."""

from pathlib import Path

from mailrail.settings import Settings, Size, setting


class SpoolSettings(Settings):
    """Where mail is kept, and how much room must stay free."""

    path: Path = setting(
        Path("/var/lib/mailrail"),
        "Directory of the queue; it belongs to mailrail alone. On a local disk: flock and WAL need one.",
    )
    reserve_bytes: Size = setting(
        200 * 1000**2,
        "New mail is refused (452) while less than this would stay free on the disk.",
        unit="bytes",
        source="Postfix queue_minfree asks 1.5 times the largest message",
        ge=0,
    )
    reserve_share: float = setting(
        0.05,
        "New mail is refused while less than this share of the disk would stay free.",
        source="what ext4 keeps for root",
        ge=0,
        lt=1,
    )
    reserve_inodes: int = setting(
        1000, "New mail is refused while fewer inodes than this are free.", unit="inodes", ge=0
    )
    most_items: int = setting(
        0,
        "New mail is refused while so many items are stored, an item being one message for one destination; "
        "0: as many as the disk has room for.",
        unit="items",
        source="practice",
        ge=0,
    )
    cache_bytes: Size = setting(
        16 * 1024**2,
        "Memory for database pages of the writer; the reader takes a quarter of it.",
        unit="bytes",
        ge=1024**2,
        le=1024**3,
    )
