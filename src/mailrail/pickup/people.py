"""Floor 4 · pickup — who a file belongs to."""

import pwd
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """A user of this machine.

    Attributes:
        name: login name.
        full_name: as the system knows it, "" if it does not.
    """

    name: str
    full_name: str = ""


def person_of(uid: int) -> Person:
    """Ask the system who has the number *uid*; may wait for a directory service, so it is called in an executor."""
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return Person(f"user-{uid}")
    full_name = found.pw_gecos.partition(",")[0]
    # finger(1): an ampersand stands for the login name.
    return Person(found.pw_name, full_name.replace("&", found.pw_name.capitalize()))
