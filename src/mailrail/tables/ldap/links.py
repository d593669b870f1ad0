"""Floor 2 · tables.ldap — connections to the servers of a directory."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from mailrail.model import DnsError, NetError
from mailrail.net import Connection, Endpoint, Network, Resolve, secure
from mailrail.tables.api import TableError
from mailrail.tables.ldap.session import Session
from mailrail.tables.links import Links

_PORTS: Final = {"ldap": 389, "ldaps": 636, "ldapi": 0}


@dataclass(frozen=True, slots=True)
class LdapPlace:
    """One server.

    Attributes:
        scheme: ldap, ldaps or ldapi.
        host: name, address, or path of a socket.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "LdapPlace":
        """Read a URL (RFC 4516) that names a server and nothing else.

        Raises:
            ValueError: it is none.
        """
        parts = urlsplit(url)
        host = unquote(parts.netloc) if parts.scheme == "ldapi" else parts.hostname or ""
        is_server = parts.path in ("", "/") and not parts.query and "@" not in parts.netloc
        if (
            parts.scheme not in _PORTS
            or not host
            or not is_server
            or (parts.scheme == "ldapi" and host[0] != "/")
        ):
            raise ValueError(
                f"{url!r} is no server: write it like ldaps://ldap.example.org or ldapi://%2Frun%2Fslapd%2Fldapi"
            )
        port = _PORTS[parts.scheme] if parts.scheme == "ldapi" else parts.port or _PORTS[parts.scheme]
        return cls(parts.scheme, host, port)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{f':{self.port}' if self.port else ''}"


@dataclass(frozen=True, slots=True)
class LdapServers:
    """How a directory is reached.

    Attributes:
        tls: must verify.
        is_clear: `ldap://` goes on without TLS.
        bind_dn: whom to log in as, "" for nobody.
        timeout_s: for all of them together.
    """

    places: tuple[LdapPlace, ...]
    network: Network
    resolve: Resolve
    tls: ssl.SSLContext
    is_clear: bool
    bind_dn: str
    password: str
    timeout_s: float

    def __str__(self) -> str:
        return ", ".join(map(str, self.places))


def ldap_links(servers: LdapServers, *, is_for_search: bool) -> Links[Session]:
    """Return connections to the first of *servers* that will have us; none is made yet.

    Args:
        is_for_search: log in as `bind_dn`.
    """

    async def connect() -> Session:
        troubles = []
        for place in servers.places:
            try:
                return await _connected(servers, place, is_for_search=is_for_search)
            except (NetError, DnsError, TableError) as error:
                troubles.append(f"{place}: {error}")
        raise TableError("; ".join(troubles))

    return Links(connect)


async def _connected(servers: LdapServers, place: LdapPlace, *, is_for_search: bool) -> Session:
    wait_s = servers.timeout_s / len(servers.places)  # the last one must have its turn
    try:
        async with asyncio.timeout(wait_s):
            session = await _opened(servers, place, wait_s)
            if is_for_search and servers.bind_dn:
                await _log_in(session, servers)
            return session
    except TimeoutError:
        raise TableError(f"no answer in {wait_s:g} s") from None


async def _log_in(session: Session, servers: LdapServers) -> None:
    is_right = False
    try:
        is_right = await session.bind(servers.bind_dn, servers.password)
    finally:
        if not is_right:
            await session.close()
    if not is_right:
        raise TableError(f"the password of {servers.bind_dn} is wrong")


async def _opened(servers: LdapServers, place: LdapPlace, wait_s: float) -> Session:
    connection = await _reached(servers, place, wait_s)
    if place.scheme == "ldapi" or (place.scheme == "ldap" and servers.is_clear):
        return Session(connection)
    if place.scheme == "ldaps":
        tls, _info = await secure(connection, servers.tls, place.host, timeout_s=wait_s)
        return Session(tls)
    plain = Session(connection)
    try:
        return await plain.start_tls(servers.tls, place.host, wait_s)
    except BaseException:
        await plain.close()
        raise


async def _reached(servers: LdapServers, place: LdapPlace, wait_s: float) -> Connection:
    if place.scheme == "ldapi":
        return await servers.network.connect(Endpoint(place.host, 0), timeout_s=wait_s)
    trouble: NetError | None = None
    for endpoint in await servers.resolve(place.host, place.port):
        try:
            return await servers.network.connect(endpoint, timeout_s=wait_s)
        except NetError as error:
            trouble = error
    raise trouble or TableError(f"{place.host} has no address")
