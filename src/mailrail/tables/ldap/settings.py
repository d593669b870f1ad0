"""Floor 2 · tables.ldap — the settings of a directory."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from mailrail.model import SettingsError
from mailrail.settings import Settings, setting
from mailrail.tables.ldap.filters import SearchFilter
from mailrail.tables.ldap.links import LdapPlace
from mailrail.tables.ldap.messages import Scope
from mailrail.tables.settings import AskedSettings

KEY_HOLES = ("key", "local_part", "domain")


def _url(text: str) -> str:
    LdapPlace.parse(text)
    return text


class LdapServerSettings(Settings):
    """Where a directory is, and who we are to it."""

    servers: tuple[Annotated[str, AfterValidator(_url)], ...] = setting(
        (),
        "Its servers, asked in this order: `ldaps://`, `ldap://` with StartTLS, or `ldapi://` and the path of a Unix socket with %2F for /. "
        "A server must have a certificate that is good for its name.",
        source="RFC 4511 §4.14, RFC 4513 §3",
        examples=["ldaps://ldap.example.org"],
    )
    in_clear: bool = setting(False, "Ask `ldap://` servers without TLS: only for those on this machine.")
    ca_file: Path | None = setting(
        None, "PEM file of the authorities that may vouch for the servers, instead of the system's."
    )
    bind_dn: str = setting("", "The entry that we log in as to search; empty: nobody's.")
    password_file: Path | None = setting(None, "File whose first line is its password; read at the start.")

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if bool(self.bind_dn) != (self.password_file is not None):
            raise ValueError("bind_dn and password_file belong together")
        return self


class LdapTableSettings(AskedSettings, LdapServerSettings):
    """A directory (LDAP): the values are those of attributes of the entries that a search finds."""

    kind: Literal["ldap"] = setting(..., "What sort of table it is.")
    base: str = setting(..., "The entry below which is searched.", examples=["ou=people,dc=example,dc=org"])
    scope: Scope = setting(
        Scope.SUBTREE, "How far below: only it, one level, or all.", source="RFC 4511 §4.5.1.2"
    )
    filter: str = setting(
        "(mail={key})",
        "Which entries are meant. `{key}`, `{local_part}` and `{domain}` stand for the key and its parts, and are values "
        "whatever signs are in them.",
        source="RFC 4515",
    )
    attributes: tuple[str, ...] = setting(
        (),
        "Attributes whose values are the values; none: an entry without values, as for a list of mailboxes.",
    )

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if not self.servers:
            raise ValueError('has no servers: name one, like servers = ["ldaps://ldap.example.org"]')
        try:
            SearchFilter(self.filter, KEY_HOLES)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return self
