"""Floor 2 · tables.ldap — a directory as a table."""

from dataclasses import replace

from mailrail.tables.ldap.filters import SearchFilter
from mailrail.tables.ldap.messages import Search
from mailrail.tables.ldap.session import Session
from mailrail.tables.links import Links


class LdapTable:
    """Implements Table."""

    def __init__(self, links: Links[Session], wanted: Search, filter: SearchFilter, place: str) -> None:  # noqa: A002 -- the RFC's word
        """Ask nothing yet.

        Args:
            links: to the directory.
            wanted: what is searched for, but for the filter.
            filter: with holes for the key and its parts.
            place: the servers, for people.
        """
        self._links = links
        self._wanted = wanted
        self._filter = filter
        self._place = place

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        """Return the values of the attributes of the entries that are found, each once."""
        local_part, _, domain = key.rpartition("@") if "@" in key else (key, "", "")
        if "domain" in self._filter.holes and not domain:
            return None
        holes = {"key": key, "local_part": local_part, "domain": domain}
        wanted = replace(self._wanted, filter=self._filter.write(holes))
        entries = await self._links.ask(lambda session: session.search(wanted))
        if not entries:
            return None
        values = (value for entry in entries for name in wanted.attributes for value in entry.texts(name))
        return tuple(dict.fromkeys(values))

    def describe(self) -> str:
        """Say where, and below which entry."""
        return f"{self._filter} below {self._wanted.base} at {self._place}"

    async def close(self) -> None:
        """Close the connections."""
        await self._links.close()
