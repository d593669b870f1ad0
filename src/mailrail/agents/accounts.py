"""Floor 4 · agents — accounts of the system: who owns mailboxes and runs programs.

They come by constructor, so that tests and the simulator have their own.
"""

import grp
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the system.

    Attributes:
        groups: further groups, besides gid.
    """

    name: str
    uid: int
    gid: int
    home: str
    groups: tuple[int, ...] = ()


class NoAccountError(LookupError):
    """The system has no such account."""


Accounts = Callable[[str], Account]


def system_account(name: str) -> Account:
    """Return the account *name*, which may be a number, too.

    Raises:
        NoAccountError: there is none.
    """
    try:
        found = pwd.getpwuid(int(name)) if name.isascii() and name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, ValueError, OverflowError):
        raise NoAccountError(f"there is no account {name!r}") from None
    groups = os.getgrouplist(found.pw_name, found.pw_gid)
    further = tuple(number for number in groups if number != found.pw_gid)
    return Account(found.pw_name, found.pw_uid, found.pw_gid, found.pw_dir, further)


def system_group(name: str) -> int:
    """Return the number of the group *name*, which may be a number already.

    Raises:
        NoAccountError: there is none.
    """
    if name.isascii() and name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise NoAccountError(f"there is no group {name!r}") from None
