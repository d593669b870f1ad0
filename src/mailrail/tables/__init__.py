"""Floor 2 · tables — lookup tables: a key goes in, values or nothing come out, whatever keeps them.

From the settings to an answer:

    tables = open_tables(settings.table, doors)     # Mapping by name
    values = await tables["staff"].look_up("info")  # ("ann", "bob@elsewhere.example"), or None
    await tables.close()

What they are asked through (threads, databases, `tables.ldap`) serves the sources of users in `directory`, too.
"""

from mailrail.tables.api import Known, Table, TableError
from mailrail.tables.databases import Database
from mailrail.tables.events import TableFailed, TableLoaded, TableRefused, TableRestored
from mailrail.tables.fetching import Fetched, Fetcher, HttpFetcher, Request, connection_to, is_safe_url
from mailrail.tables.functions import FunctionName, find_function
from mailrail.tables.kinds import TableSettings
from mailrail.tables.opening import Doors, Place, Tables, check_table, open_postgres, open_sqlite, open_tables
from mailrail.tables.pool import Pool
from mailrail.tables.secretfile import read_secret
from mailrail.tables.settings import PostgresUrl, TableName
from mailrail.tables.targets import TargetError, read_targets
from mailrail.tables.textfile import Stamp, stamp_of
from mailrail.tables.turns import Turns

__all__ = [
    "Database",
    "Doors",
    "Fetched",
    "Fetcher",
    "FunctionName",
    "HttpFetcher",
    "Known",
    "Place",
    "Pool",
    "PostgresUrl",
    "Request",
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
    "Turns",
    "check_table",
    "connection_to",
    "find_function",
    "is_safe_url",
    "open_postgres",
    "open_sqlite",
    "open_tables",
    "read_secret",
    "read_targets",
    "stamp_of",
]
