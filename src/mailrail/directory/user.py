"""Floor 3 · directory — a user, as every source of users describes one."""

from dataclasses import dataclass, field

from mailrail.sasl import PreparationError, ScramKeys, username_case_mapped


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in.

    Attributes:
        name: the login name, in its one spelling (`login_name`).
        password: a stored hash with its scheme, "{ARGON2ID}$argon2id$..."; "" where the source keeps it to itself.
        keys: for SCRAM, or None.
        is_disabled: may not log in now.
    """

    name: str
    password: str = field(default="", repr=False)
    keys: ScramKeys | None = None
    is_disabled: bool = False


def login_name(text: str) -> str:
    """Return the one spelling of a login name: `Ann` and `ann` are one person, as telephones capitalise.

    Raises:
        PreparationError: it can be nobody's name.

    *Source:* RFC 8265 §3.3.
    """
    name = username_case_mapped(text)
    if not name.isprintable():
        raise PreparationError("a character that cannot be shown")
    return name
