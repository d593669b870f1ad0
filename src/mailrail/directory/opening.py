"""Floor 3 · directory — from the settings to a directory that can be asked."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mailrail.directory.api import Source
from mailrail.directory.directory import Directory
from mailrail.directory.events import UsersLoaded, UsersRefused
from mailrail.directory.pool import login_pool
from mailrail.directory.settings import UsersSettings
from mailrail.directory.source_dovecot import DovecotSource
from mailrail.directory.source_file import FileSource
from mailrail.directory.source_function import FunctionSource
from mailrail.directory.source_ldap import NAME_HOLES, LdapSource, Whose
from mailrail.directory.source_sql import SqlSource
from mailrail.directory.token_opening import open_tokens
from mailrail.directory.userfile import UserFile, read_file
from mailrail.model import Clock, Rng, SettingsError, SystemClock
from mailrail.net import Network, create_private, system_resolve, write_private
from mailrail.observe import Bus
from mailrail.tables import Database, Place, Pool, Turns, find_function, open_postgres, open_sqlite
from mailrail.tables.ldap import Search, SearchFilter, ldap_servers

_SECRET_OCTETS: Final = 32
_PARAMETERS: Final = ("name",)  # of a query for a user


def open_directory(
    settings: UsersSettings, kept_in: Path | None, bus: Bus, rng: Rng, network: Network, clock: Clock
) -> Directory | None:
    """Return the directory that *settings* name, None where they name none. Blocks; within the running loop.

    Args:
        kept_in: directory for what we keep ourselves, made if need be; None for a look only, which keeps nothing.

    Raises:
        SettingsError: it cannot be used.
    """
    if not settings.is_on:
        return None
    source: Source | None = None
    if settings.dovecot is not None:
        source = DovecotSource(network, settings.dovecot, rng)
    elif settings.ldap.servers:
        source = open_ldap_source(settings, network)
    elif settings.has_source:
        source = _source(settings, login_pool(settings.threads, settings.waiting), bus)
    return Directory(
        source,
        secret=_secret(rng) if kept_in is None else keep_secret(kept_in / "secret", rng),
        cache_s=settings.cache_s,
        rng=rng,
        tokens=open_tokens(settings, clock) if settings.oauth.is_on else None,
    )


def check_users(settings: UsersSettings, network: Network) -> None:
    """Find out whether the source that *settings* name can be used; blocks, and connects nowhere.

    Raises:
        SettingsError: it cannot.
    """
    if settings.file is not None:
        read_file(settings.file)
    elif settings.ldap.servers:
        open_ldap_source(settings, network)
    elif settings.has_source and settings.dovecot is None:  # that one is asked at each login anew
        _source(settings, login_pool(settings.threads, settings.waiting), Bus())
    if settings.oauth.is_on:  # and so is who issues tokens
        open_tokens(settings, SystemClock())


def _source(settings: UsersSettings, pool: Pool, bus: Bus) -> Source:
    if settings.function:
        return FunctionSource(find_function(settings.function), pool, settings.function)
    if settings.sql.is_on:
        turns = Turns(settings.sql.connections, settings.waiting, settings.sql.timeout_s)
        return SqlSource(_database(settings), turns, pool)
    assert settings.file is not None, "no source of users"
    file = UserFile(settings.file, _told(settings.file, bus))
    file.begin()
    return FileSource(file, pool)


def open_ldap_source(settings: UsersSettings, network: Network) -> LdapSource:
    """Return users of the directory that *settings* name. Blocks; connects nowhere yet.

    Raises:
        SettingsError: a file cannot be used.
    """
    ldap = settings.ldap
    whose = Whose(
        search=Search(ldap.base, ldap.scope, b"", (ldap.senders,) if ldap.senders else (), most=2),
        filter=SearchFilter(ldap.filter, NAME_HOLES),
        template=ldap.user_dn,
        senders=ldap.senders,
    )
    servers = ldap_servers(ldap, network, system_resolve, ldap.timeout_s)
    return LdapSource(servers, whose, Turns(ldap.connections, settings.waiting, ldap.timeout_s))


def _database(settings: UsersSettings) -> Database:
    sql = settings.sql
    if sql.url is not None:
        return open_postgres(Place(sql.url, sql.password_file, sql.ca_file), sql.query, _PARAMETERS)
    assert sql.file is not None, "no database"
    try:
        is_open = sql.file.stat().st_mode & stat.S_IRWXO
    except OSError as error:
        raise SettingsError(f"users cannot be read from {sql.file}: {error.strerror}") from error
    if is_open:
        raise SettingsError(f"{sql.file} can be read by everybody; mend it: chmod 640 {sql.file}")
    pool = Pool(sql.connections, settings.waiting, name="users")
    return open_sqlite(sql.file, sql.query, _PARAMETERS, pool)


def _told(path: Path, bus: Bus) -> Callable[[int, str], None]:
    """Return what tells of each reading, from whatever thread."""
    loop = asyncio.get_running_loop()

    def told(count: int, reason: str) -> None:
        event = (
            UsersRefused(file=str(path), reason=reason)
            if reason
            else UsersLoaded(file=str(path), users=count)
        )
        loop.call_soon_threadsafe(bus.emit, event)

    return told


def keep_secret(file: Path, rng: Rng) -> bytes:
    """Return the secret in *file*, made if there is none. Blocks.

    It must outlive us: were it another after each restart, the challenges of SCRAM would tell who does not exist.

    Raises:
        SettingsError: it can be neither read nor written.
    """
    try:
        if not file.exists():  # of several workers that make one, one wins
            create_private(file, _secret(rng))
        with file.open("rb") as stream:
            secret = stream.read(_SECRET_OCTETS)
        if len(secret) < _SECRET_OCTETS:
            secret = _secret(rng)
            write_private(file, secret)
    except OSError as error:
        raise SettingsError(f"the secret of logins cannot be kept in {file}: {error.strerror}") from error
    return secret


def _secret(rng: Rng) -> bytes:
    return rng.getrandbits(8 * _SECRET_OCTETS).to_bytes(_SECRET_OCTETS, "big")
