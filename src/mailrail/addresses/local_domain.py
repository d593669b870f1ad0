"""Floor 3 · addresses — a domain that somebody lives in, ready to be asked. Pure.

Local parts of our own domains are compared without regard to case. What stands behind a separator is the detail of a sub-address: it does not
decide who gets the mail unless somebody gave the whole name a meaning of its own (RFC 5233).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from mailrail.addresses.targets import Power
from mailrail.model import ROLE_MAILBOXES, Address, detail_at


class Names(Enum):
    """Which names of a domain are mailboxes."""

    ANY = auto()  # every name: whoever gets the mail next knows
    LISTED = auto()  # the keys of tables
    USERS = auto()  # who has a login
    ASKED = auto()  # the next hop says
    NAMED = auto()  # those that an alias or the catch-all names: it gets all others
    NONE = auto()  # there are only aliases


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDomain:
    """One domain of ours.

    Attributes:
        name: canonical.
        names: which names are mailboxes.
        alias: aliases of the settings, names in lower case.
        aliases: tables of aliases, in the order to ask.
        mailboxes: tables whose keys are mailboxes.
        catch_all: who gets what nobody else does.
        separators: characters that a detail begins with.
        alias_of: the domain that has the same names, or "".
        allow: what its aliases may do.
        is_ours_to_spell: mail ends here, so that local parts are spelled in lower case.
    """

    name: str
    names: Names = Names.ANY
    alias: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    mailboxes: tuple[str, ...] = ()
    catch_all: tuple[str, ...] = ()
    separators: str = "+"
    alias_of: str = ""
    allow: frozenset[Power] = frozenset()
    is_ours_to_spell: bool = False

    def candidates(self, address: Address) -> tuple[Address, ...]:
        """Return the names that *address* may have been given a meaning by, the most special first, in lower case."""
        whole = Address(address.local_part.lower(), self.name)
        end = self.detail_at(whole.local_part)
        return (whole,) if end is None else (whole, Address(whole.local_part[:end], self.name))

    def detail_at(self, local_part: str) -> int | None:
        """Return where the detail of *local_part* begins, its separator included; None without one."""
        return detail_at(local_part, self.separators)

    def is_role(self, address: Address) -> bool:
        """Tell whether *address* must be reachable at every domain that takes mail (RFC 5321 §4.5.1, RFC 2142)."""
        return self.candidates(address)[-1].local_part in ROLE_MAILBOXES

    def spelled(self, address: Address) -> Address:
        """Return *address* as it is handed on: in lower case where mail ends here, else as it was written."""
        if not self.is_ours_to_spell or address.local_part.islower():
            return address
        return Address(address.local_part.lower(), address.domain)


def keys(name: Address) -> tuple[str, str]:
    """Return what a table is asked for *name*: the whole address first, then the local part alone."""
    return f"{name.local_part}@{name.domain}", name.local_part
