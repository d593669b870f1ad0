"""Floor 3 · directory — users of an LDAP directory, who prove themselves to it: we log in there as them, and see.

Whose entry it is comes from a search, or by a template straight from the name; in both a name is a value, whatever signs are in it. An empty
password is never shown to the directory, which would take it for the wish to be nobody, and say yes (RFC 4513 §5.1.2). Whoever does not exist is
tried all the same, as an entry that is not there, so that the time tells nothing.
"""

import contextlib
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from mailrail.directory.api import DirectoryError
from mailrail.directory.user import User, sender_entry
from mailrail.tables import TableError, Turns
from mailrail.tables.ldap import (
    Entry,
    LdapServers,
    Scope,
    Search,
    SearchFilter,
    Session,
    escape_value,
    ldap_links,
)

NAME_HOLES: Final = ("name", "local_part", "domain")
_EVERYTHING: Final = "(objectClass=*)"
_HOLE: Final = re.compile(rf"\{{({'|'.join(NAME_HOLES)})\}}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Whose:
    """How a name leads to an entry.

    Attributes:
        search: where to look, but for the filter.
        filter: with holes for the name and its parts.
        template: the DN itself instead, with such holes; "": by search.
        senders: attribute with more addresses to send as, "" for none.
    """

    search: Search
    filter: SearchFilter
    template: str
    senders: str


class LdapSource:
    """Implements Source."""

    has_keys = False  # the directory keeps its passwords to itself

    def __init__(self, servers: LdapServers, whose: Whose, turns: Turns) -> None:
        """Ask nothing yet.

        Args:
            servers: of the directory.
            whose: how a name leads to an entry.
            turns: bounds the questions.
        """
        self._servers = servers
        self._whose = whose
        self._turns = turns
        self._searches = ldap_links(servers, is_for_search=True)
        self._logins = ldap_links(servers, is_for_search=False)
        self.knows_names = not whose.template

    def version(self) -> None:
        """Tell nothing: only time makes a remembered password be checked again."""

    async def check_password(self, name: str, password: str) -> User | None:
        """Return the user if the directory takes the password."""
        if not password:
            return None
        ask = self._by_template if self._whose.template else self._by_search
        return await self._known(lambda: ask(name, password))

    async def _by_search(self, name: str, password: str) -> User | None:
        entry = await self._entry(name)
        dn = f"cn=nobody,{self._whose.search.base}" if entry is None else entry.dn
        is_right = await self._logins.ask(lambda session: session.bind(dn, password))
        return None if entry is None or not is_right else self._user(name, entry)

    async def _by_template(self, name: str, password: str) -> User | None:
        dn = _filled(self._whose.template, name)
        if dn is None:
            return None
        return await self._logins.ask(lambda session: self._own(session, dn, name, password))

    async def _own(self, session: Session, dn: str, name: str, password: str) -> User | None:
        """Log in as *dn*, and read there what else it may send as."""
        if not await session.bind(dn, password):
            return None
        if not self._whose.senders:
            return User(name)
        everything = SearchFilter(_EVERYTHING, ()).write({})
        found = await session.search(
            replace(self._whose.search, base=dn, scope=Scope.BASE, filter=everything)
        )
        return self._user(name, found[0]) if found else User(name)

    async def find(self, name: str) -> User | None:
        """Return the user whom a search finds; by a template nobody can be found without a password."""
        if self._whose.template:
            return None
        entry = await self._known(lambda: self._entry(name))
        return None if entry is None else self._user(name, entry)

    async def _entry(self, name: str) -> Entry | None:
        parts = _parts(name)
        if "domain" in self._whose.filter.holes and not parts["domain"]:
            return None
        wanted = replace(self._whose.search, filter=self._whose.filter.write(parts))
        found = await self._searches.ask(lambda session: session.search(wanted))
        if len(found) > 1:  # whose password would it be?
            raise TableError(f"more than one entry is {name}: {found[0].dn}, {found[1].dn}")
        return found[0] if found else None

    def _user(self, name: str, entry: Entry) -> User:
        return User(name, may_send_as=tuple(_senders(entry.texts(self._whose.senders))))

    async def probe(self) -> bool:
        """Find out whether the directory answers."""
        if self._whose.template:
            await self._known(lambda: self._logins.ask(_nothing))
        else:
            await self._known(lambda: self._entry("nobody@nowhere.invalid"))
        return True

    def describe(self) -> str:
        """Say where it is."""
        return f"the directory at {self._servers}"

    async def close(self) -> None:
        """Close the connections."""
        await self._searches.close()
        await self._logins.close()

    async def _known(self, question: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._turns.ask(question)
        except TableError as error:
            raise DirectoryError(f"{self.describe()}: {error}") from error


async def _nothing(_session: Session) -> None:
    """Ask nothing: that there is a session says enough."""


def _parts(name: str) -> dict[str, str]:
    local_part, _, domain = name.rpartition("@") if "@" in name else (name, "", "")
    return {"name": name, "local_part": local_part, "domain": domain}


def _filled(template: str, name: str) -> str | None:
    """Return the DN of *name*; None where it has no domain, and the template wants one."""
    parts = _parts(name)
    if "{domain}" in template and not parts["domain"]:
        return None
    return _HOLE.sub(lambda hole: escape_value(parts[hole[1]]), template)


def _senders(texts: tuple[str, ...]) -> Iterator[str]:
    for text in texts:
        with contextlib.suppress(
            ValueError
        ):  # the attribute is not ours; what is no address cannot be sent as
            yield sender_entry(text)
