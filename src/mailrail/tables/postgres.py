"""Floor 2 · tables — PostgreSQL, asked through psycopg: an extra, so that nobody imports this file who does not need it.

psycopg speaks the protocol, on the loop, with the parameters apart from the query. Nothing is prepared on the server, so that a PgBouncer
between may pool transactions. A connection is in autocommit and asks one thing at a time; what a question leaves behind is nothing.

Whom we talk to is verified, by its certificate and name, where it is not on this machine and the URL does not say otherwise by `sslmode`: libpq's own default
would go on in clear with anybody who says no to TLS.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg.waiting import wait_async

from mailrail.model import SettingsError
from mailrail.tables.api import TableError
from mailrail.tables.databases import Row
from mailrail.tables.links import LinkLost, Links
from mailrail.tables.queries import to_psycopg

_HERE: Final = frozenset({"", "127.0.0.1", "::1", "localhost"})
T = TypeVar("T")


class _Connection(psycopg.AsyncConnection[Row]):
    """One that lets go at once when its question is given up.

    psycopg would ask the server to stop, and wait up to ten seconds for that: longer than whoever asked was to wait for the answer.
    """

    async def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        return await wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)


class PostgresLink:
    """Implements Link."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def rows(self, query: str, parameters: Mapping[str, str], most: int) -> list[Row]:
        """Return the first *most* rows of *query*.

        Raises:
            LinkLost: the connection is lost.
            TableError: the server refuses the query.
        """
        try:
            cursor = await self._connection.execute(query.encode(), parameters)
            return await cursor.fetchmany(most)
        except (psycopg.errors.CharacterNotInRepertoire, psycopg.errors.UntranslatableCharacter):
            return []  # what the database cannot even write is not in it, whoever asks
        except psycopg.Error as error:
            # A server that goes down says so before it hangs up (class 57P).
            is_lost = self._connection.closed or (error.sqlstate or "").startswith("57P")
            raise (LinkLost if is_lost else TableError)(f"PostgreSQL: {_first_line(error)}") from error

    async def close(self) -> None:
        """Let go of the connection; what is under way is lost."""
        await self._connection.close()


class PostgresDatabase:
    """Implements Database."""

    def __init__(
        self, url: str, query: str, names: tuple[str, ...], *, password: str = "", ca_file: Path | None = None
    ) -> None:
        """Connect nowhere yet.

        Args:
            url: `postgresql://user@host/database`, without a password.
            query: with parameters like `:key`.
            names: of the parameters that there are.
            password: for the URL, or "".
            ca_file: the authorities that may vouch for the server, instead of the system's.

        Raises:
            SettingsError: the URL or the query cannot be used.
        """
        self._query = to_psycopg(query, names)
        self._url = url
        self._links = Links(self._connect)
        try:
            self._conninfo = make_conninfo(
                url,
                application_name="mailrail",
                client_encoding="utf8",  # not the database's own: what is asked may be in any script
                **({"password": password} if password else {}),
                **verified(url, ca_file),
            )
        except psycopg.Error as error:
            raise SettingsError(f"the URL of the database: {_first_line(error)}") from error

    async def _connect(self) -> PostgresLink:
        try:
            connection = await _Connection.connect(
                self._conninfo, autocommit=True, prepare_threshold=None, row_factory=dict_row
            )
        except psycopg.Error as error:
            raise TableError(f"PostgreSQL: {_first_line(error)}") from error
        return PostgresLink(connection)

    async def rows(self, parameters: Mapping[str, str], most: int) -> list[Row]:
        """Return the first *most* rows."""
        return await self._links.ask(lambda link: link.rows(self._query, parameters, most))

    def version(self) -> None:
        """Tell nothing: only time makes what was remembered be asked again."""

    def describe(self) -> str:
        """Say which host and database."""
        parts = urlsplit(self._url)
        return f"PostgreSQL at {parts.netloc.rpartition('@')[2] or 'this machine'}{parts.path}"

    async def close(self) -> None:
        """Close the connections."""
        await self._links.close()


def verified(url: str, ca_file: Path | None) -> dict[str, Any]:
    """Return what libpq must be told beside the URL, so that it talks to nobody else.

    Raises:
        psycopg.Error: libpq cannot read the URL.
    """
    said = conninfo_to_dict(url)
    hosts = str(said.get("host") or said.get("hostaddr") or "").split(",")
    is_here = all(host in _HERE or host.startswith("/") for host in hosts)
    told = {} if "sslmode" in said or (is_here and ca_file is None) else {"sslmode": "verify-full"}
    authorities = ca_file or (ssl.get_default_verify_paths().cafile if told else None)
    if authorities is not None and "sslrootcert" not in said:
        told["sslrootcert"] = str(authorities)
    return told


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
