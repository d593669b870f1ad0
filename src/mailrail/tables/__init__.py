"""Floor 2 · tables — lookup tables: a key goes in, values or nothing come out, whatever keeps them.

tables = open_tables(settings.table, doors)     # Mapping by name
values = await tables["staff"].look_up("info")  # ("ann", "bob@elsewhere.example"), or None
await tables.close()
"""

from mailrail.tables.api import Table, TableError
from mailrail.tables.events import TableFailed, TableLoaded, TableRefused, TableRestored
from mailrail.tables.functions import FunctionName, find_function
from mailrail.tables.opening import Doors, Tables, check_table, open_tables
from mailrail.tables.pool import Pool
from mailrail.tables.settings import TableName, TableSettings
from mailrail.tables.targets import TargetError, read_targets
from mailrail.tables.textfile import ABSENT, Stamp, stamp_of

__all__ = [
    "ABSENT",
    "Doors",
    "FunctionName",
    "Pool",
    "Stamp",
    "Table",
    "TableError",
    "TableFailed",
    "TableLoaded",
    "TableName",
    "TableRefused",
    "TableRestored",
    "TableSettings",
    "Tables",
    "TargetError",
    "check_table",
    "find_function",
    "open_tables",
    "read_targets",
    "stamp_of",
]
