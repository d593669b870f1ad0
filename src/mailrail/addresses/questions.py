"""Floor 3 · addresses — what must be looked up elsewhere, as values: who decides asks, and somebody else waits."""

from mailrail.model import Address, value


@value
class LookUp:
    """Look up *key* in a table; answered with its values or None."""

    table: str
    key: str


@value
class ReadList:
    """Read the targets in a file; answered with them, None if there is no such file."""

    path: str


@value
class AskUser:
    """Ask whether *name* has a login; answered with (), None if not."""

    name: str


@value
class AskHop:
    """Ask the next hop whether it takes mail for *address*; answered with (), None if not."""

    address: Address


Question = LookUp | ReadList | AskUser | AskHop
Values = tuple[str, ...] | None
