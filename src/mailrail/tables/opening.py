"""Floor 2 · tables — from the settings to tables that can be asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from mailrail.model import SettingsError
from mailrail.net import Network, Resolve, client_context, system_resolve
from mailrail.observe import Bus
from mailrail.tables.accounts import AccountTable
from mailrail.tables.api import Known, Table
from mailrail.tables.asked import AskedTable
from mailrail.tables.databases import Database, QueryTable
from mailrail.tables.fetching import JSON, HttpFetcher, Request
from mailrail.tables.function import FunctionTable
from mailrail.tables.functions import find_function
from mailrail.tables.http import HttpTable
from mailrail.tables.kinds import TableSettings
from mailrail.tables.ldap import LdapTableSettings, open_ldap
from mailrail.tables.memory import FileTable, InlineTable
from mailrail.tables.named import NamedTable
from mailrail.tables.pool import Pool
from mailrail.tables.secretfile import read_secret
from mailrail.tables.settings import (
    AccountsSettings,
    AliasesSettings,
    AskedSettings,
    FileSettings,
    FunctionSettings,
    HttpSettings,
    InlineSettings,
    PostgresSettings,
    RegexSettings,
    SqliteSettings,
    Values,
)
from mailrail.tables.sqlite import SqliteDatabase
from mailrail.tables.targets import TargetError, read_targets
from mailrail.tables.textfile import TextFile
from mailrail.tables.textforms import Entries, read_aliases, read_pairs


@dataclass(frozen=True, slots=True)
class Doors:
    """What tables need of the world.

    Attributes:
        bus: hears which tables were read, failed and came back.
        network: by which directories are reached.
        resolve: finds their addresses.
    """

    bus: Bus
    network: Network
    resolve: Resolve = system_resolve


class Tables(Mapping[str, Table]):
    """The tables of the settings by their names."""

    def __init__(self, tables: Mapping[str, NamedTable]) -> None:
        self._tables = dict(tables)

    def at_once(self, name: str, key: str) -> Known | None:
        """Return what the table *name* holds under *key*, None where that must be waited for."""
        return self._tables[name].at_once(key)

    def __getitem__(self, name: str) -> Table:
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    async def close(self) -> None:
        """Let go of all of them."""
        for table in self._tables.values():
            await table.close()


def open_tables(settings: Mapping[str, TableSettings], doors: Doors) -> Tables:
    """Return the tables that *settings* describe. Blocks while files are read; within the running loop. Nobody is asked yet.

    Raises:
        SettingsError: one cannot be used; the message names it.
    """
    return Tables({name: _named(name, one, doors) for name, one in settings.items()})


def check_table(settings: TableSettings, network: Network) -> None:
    """Find out whether a table of these *settings* could be opened; blocks, and connects nowhere.

    Raises:
        SettingsError: it could not.
    """
    _open("", settings, Doors(Bus(), network))


def _named(name: str, settings: TableSettings, doors: Doors) -> NamedTable:
    try:
        table = _open(name, settings, doors)
    except SettingsError as error:
        raise SettingsError(f"table {name}: {error}") from error
    if isinstance(settings, AskedSettings):
        table = AskedTable(name, table, settings, doors.bus)
    match table:
        case InlineTable() | FileTable() | AskedTable():
            return NamedTable(name, table, table.at_once)
        case _:
            return NamedTable(name, table)


def _open(name: str, settings: TableSettings, doors: Doors) -> Table:
    match settings:
        case InlineSettings():
            return InlineTable({key: _values(key, value) for key, value in settings.entries.items()})
        case FileSettings():
            return _file(name, settings.file, doors, is_aliases=False)
        case AliasesSettings():
            return _file(name, settings.file, doors, is_aliases=True)
        case RegexSettings():
            from mailrail.tables.patterns import open_patterns  # noqa: PLC0415 -- its library takes 30 ms to import

            rules = {pattern: _values(pattern, value) for pattern, value in settings.rules.items()}
            return open_patterns(rules, settings, name, doors.bus)
        case SqliteSettings():
            return QueryTable(
                open_sqlite(settings.file, settings.query, ("key",), Pool(settings.at_once, settings.waiting))
            )
        case PostgresSettings():
            place = Place(settings.url, settings.password_file, settings.ca_file)
            return QueryTable(open_postgres(place, settings.query, ("key",)))
        case LdapTableSettings():
            return open_ldap(settings, doors.network, doors.resolve)
        case HttpSettings():
            return _http(settings)
        case FunctionSettings():
            pool = Pool(settings.at_once, settings.waiting)
            return FunctionTable(settings.function, find_function(settings.function), pool)
        case AccountsSettings():
            return AccountTable(Pool(settings.at_once, settings.waiting))
        case _:
            assert_never(settings)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a PostgreSQL is, and by whose name we come.

    Attributes:
        password_file: file whose first line is the password, or None.
        ca_file: the authorities that may vouch for it, None for the system's.
    """

    url: str
    password_file: Path | None
    ca_file: Path | None


def open_postgres(place: Place, query: str, names: tuple[str, ...]) -> Database:
    """Return a database to ask *query* of, with parameters of these *names*. Blocks; connects nowhere yet.

    Raises:
        SettingsError: it cannot be used.
    """
    try:
        from mailrail.tables.postgres import PostgresDatabase  # noqa: PLC0415 -- an extra; most do without
    except ImportError:
        raise SettingsError(
            'PostgreSQL needs a library that is not installed; mend it: pip install "mailrail[postgres]"'
        ) from None
    password = "" if place.password_file is None else read_secret(place.password_file, "password_file")
    if place.ca_file is not None:
        client_context(verify=True, ca_file=place.ca_file)  # libpq would only find out when it connects
    return PostgresDatabase(place.url, query, names, password=password, ca_file=place.ca_file)


def open_sqlite(file: Path, query: str, names: tuple[str, ...], pool: Pool) -> Database:
    """Return a database to ask *query* of, with parameters of these *names*; it is asked once. Blocks.

    Raises:
        SettingsError: it cannot be used.
    """
    database = SqliteDatabase(file, query, pool)
    database.begin(names)
    return database


def _http(settings: HttpSettings) -> HttpTable:
    secret = "" if settings.token_file is None else f"Bearer {read_secret(settings.token_file, 'token_file')}"
    fetcher = HttpFetcher(
        Pool(settings.at_once, settings.waiting),
        client_context(verify=True, ca_file=settings.ca_file),
        settings.timeout_s,
        settings.most_bytes,
    )
    return HttpTable(Request(settings.url, content_type=JSON, authorization=secret), fetcher)


def _file(name: str, path: Path, doors: Doors, *, is_aliases: bool) -> FileTable:
    file: TextFile[Entries] = TextFile(path, name, read_aliases if is_aliases else read_pairs, len, doors.bus)
    file.begin()
    return FileTable(file, "aliases in" if is_aliases else "file")


def _values(key: str, value: Values) -> tuple[str, ...]:
    if not isinstance(value, str):
        return value
    try:
        return read_targets(value)
    except TargetError as error:
        raise SettingsError(f"{key}: {error}") from None
