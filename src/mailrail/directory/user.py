"""Floor 3 · directory — a user, as every source of users describes one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailrail.model import AddressError, parse_address, parse_domain
from mailrail.sasl import PreparationError, ScramKeys, username_case_mapped


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in.

    Attributes:
        name: the login name, in its one spelling (`login_name`).
        password: a stored hash with its scheme, "{ARGON2ID}$argon2id$..."; "" where the source keeps it to itself.
        keys: for SCRAM-SHA-256, or None.
        sha1_keys: for SCRAM-SHA-1, which only some old clients need, or None.
        may_send_as: addresses, "@" and a domain, or "*", beside its own name where that is an address.
        quotas: what differs from `[quota.user]`, by the names of those settings.
        is_disabled: may not log in now.
    """

    name: str
    password: str = field(default="", repr=False)
    keys: ScramKeys | None = None
    may_send_as: tuple[str, ...] = ()
    quotas: Mapping[str, int] = field(default_factory=dict)
    is_disabled: bool = False
    sha1_keys: ScramKeys | None = None

    def keys_of(self, digest: str) -> ScramKeys | None:
        """Return the keys of SCRAM with *digest*, "sha256" or "sha1"."""
        return next((keys for keys in (self.keys, self.sha1_keys) if keys and keys.digest == digest), None)


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


def sender_entry(text: str) -> str:
    """Return an entry of `may_send_as` in its one spelling.

    Raises:
        ValueError: it is neither an address nor "@" and a domain nor "*".
    """
    if text == "*":
        return text
    try:
        return f"@{parse_domain(text[1:])}" if text.startswith("@") else parse_address(text).text.lower()
    except AddressError as error:
        raise ValueError(f"{error}: write an address, @ and a domain, or *") from None
