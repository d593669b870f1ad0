"""Floor 5 · migrate — lists of domains, hosts and networks as Postfix matches them: names, files, tables, exceptions.

Source: postconf(5), mydestination, mynetworks; DATABASE_README.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path
from typing import Final

from mailrail.migrate.logical_lines import words
from mailrail.migrate.maps import (
    Entry,
    Table,
    inline_entries,
    parse_table,
    read_entries,
    read_lines,
)
from mailrail.migrate.postfix import Postfix

_DEPTH: Final = 10  # files that name files

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Name:
    """One pattern of a list.

    Attributes:
        text: without the "!" of an exception.
        is_excluded: it is an exception from what follows.
        place: `/etc/postfix/domains:3`, "" for what stands in main.cf itself.
    """

    text: str
    is_excluded: bool = False
    place: str = ""


@dataclass(slots=True)
class Names:
    """A list, read as far as that can be done from text.

    Attributes:
        names: in order.
        unlisted: tables whose keys cannot be read: databases, patterns.
        unreadable: files that cannot be read, with the reason.
    """

    names: list[Name] = field(default_factory=list)
    unlisted: list[Table] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)

    @property
    def included(self) -> list[Name]:
        """The names that are no exceptions."""
        return [name for name in self.names if not name.is_excluded]


def read_names(postfix: Postfix, text: str) -> Names:
    """Read a list of patterns. Blocks."""
    found = Names()
    _add(found, postfix, text, "", 0)
    return found


def _add(found: Names, postfix: Postfix, text: str, place: str, depth: int) -> None:
    for word in words(text):
        bare = word.lstrip("!")
        is_excluded = (len(word) - len(bare)) % 2 == 1
        if bare.startswith("/") and depth < _DEPTH:
            _add_file(found, postfix, bare, depth)
        elif _is_table(bare):
            _add_table(found, postfix, parse_table(bare), is_excluded=is_excluded)
        else:
            found.names.append(Name(bare, is_excluded, place))


def _is_table(text: str) -> bool:
    # A word with a colon is a table, unless it is an address: 2001:db8::/32 stands in brackets, but not always.
    kind, colon, _ = text.partition(":")
    return bool(colon) and kind.isalnum() and not kind.isdecimal() and not _is_network(text)


def _add_file(found: Names, postfix: Postfix, path: str, depth: int) -> None:
    try:
        lines = read_lines(postfix.file(path))
    except OSError as error:
        found.unreadable.append((path, error.strerror or str(error)))
        return
    for line in lines:
        _add(found, postfix, line.text, f"{path}:{line.number}", depth + 1)


def _add_table(found: Names, postfix: Postfix, table: Table, *, is_excluded: bool) -> None:
    try:
        entries = entries_of(postfix, table)
    except OSError as error:
        found.unreadable.append((table.name, error.strerror or str(error)))
        return
    if entries is None:
        found.unlisted.append(table)
        return
    for entry in entries:
        found.names.append(Name(entry.key, is_excluded, f"{table.name}:{entry.number}"))


def entries_of(postfix: Postfix, table: Table) -> list[Entry] | None:
    """Return the lines of *table*, None where they cannot be read from text. Blocks.

    Raises:
        OSError: its file cannot be read.
    """
    if table.is_indexed:
        return read_entries(source_of(postfix, table))
    if table.kind == "inline":
        return list(inline_entries(table))
    if table.kind == "cidr" and table.name.startswith("/"):
        return read_entries(source_of(postfix, table))
    return None


def source_of(postfix: Postfix, table: Table) -> Path:
    """Return where the text of *table* is."""
    return postfix.file(table.name)


def networks_of(names: list[Name]) -> tuple[list[str], list[Name]]:
    """Return the networks that *names* come to, exceptions cut out, and the names that are none."""
    kept: list[Network] = []
    others: list[Name] = []
    cut: list[Network] = []
    for name in names:
        network = _network(name.text)
        if network is None:
            others.append(name)
        elif name.is_excluded:
            cut.append(network)
        else:
            kept += _without([network], cut)
    return [_spelled(network) for network in dict.fromkeys(kept)], others


def _without(networks: list[Network], cut: list[Network]) -> list[Network]:
    """Cut exceptions out: in Postfix the first pattern that fits decides, so only those before it count."""
    for hole in cut:
        rest: list[Network] = []
        for network in networks:
            if isinstance(network, IPv4Network) and isinstance(hole, IPv4Network):
                rest += _carved4(network, hole)
            elif isinstance(network, IPv6Network) and isinstance(hole, IPv6Network):
                rest += _carved6(network, hole)
            else:
                rest.append(network)
        networks = rest
    return networks


def _carved4(network: IPv4Network, hole: IPv4Network) -> list[IPv4Network]:
    if network.subnet_of(hole):
        return []
    return list(collapse_addresses(network.address_exclude(hole))) if hole.subnet_of(network) else [network]


def _carved6(network: IPv6Network, hole: IPv6Network) -> list[IPv6Network]:
    if network.subnet_of(hole):
        return []
    return list(collapse_addresses(network.address_exclude(hole))) if hole.subnet_of(network) else [network]


def _is_network(text: str) -> bool:
    return _network(text) is not None


def _network(text: str) -> Network | None:
    """Read `10.0.0.0/8`, `[::1]/128`, `[2001:db8::]/32`, `192.0.2.7`."""
    bare = text.replace("[", "", 1).replace("]", "", 1) if text.startswith("[") else text
    try:
        return ip_network(bare, strict=False)
    except ValueError:
        return None


def _spelled(network: Network) -> str:
    is_one = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if is_one else str(network)
