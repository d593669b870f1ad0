"""Floor 5 · admin — the operator's door into a running daemon: a Unix socket, JSON lines."""

from mailrail.admin.client import AdminClient
from mailrail.admin.events import AdminRequestFailed, OperatorActed
from mailrail.admin.messages import (
    MAX_PAGE,
    MAX_STATS,
    AdminError,
    CertificateRow,
    ChangeRequest,
    DestinationRow,
    HandedInRow,
    KeysRow,
    RecipientRow,
    Reloaded,
    Row,
    Status,
    Trouble,
    Wanted,
    WorkerRow,
    handed_in_row,
    row_of,
    wanted_of,
)
from mailrail.admin.server import AdminServer
from mailrail.admin.settings import AdminSettings

__all__ = [
    "MAX_PAGE",
    "MAX_STATS",
    "AdminClient",
    "AdminError",
    "AdminRequestFailed",
    "AdminServer",
    "AdminSettings",
    "CertificateRow",
    "ChangeRequest",
    "DestinationRow",
    "HandedInRow",
    "KeysRow",
    "OperatorActed",
    "RecipientRow",
    "Reloaded",
    "Row",
    "Status",
    "Trouble",
    "Wanted",
    "WorkerRow",
    "handed_in_row",
    "row_of",
    "wanted_of",
]
