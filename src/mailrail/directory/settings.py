"""Floor 3 · directory — who may log in, for people to set."""

import re
from pathlib import Path
from typing import Self

from pydantic import model_validator

from mailrail.directory.source_ldap import NAME_HOLES
from mailrail.model import SettingsError
from mailrail.settings import Duration, Settings, setting
from mailrail.tables import FunctionName, PostgresUrl, is_safe_url
from mailrail.tables.ldap import LdapServerSettings, Scope, SearchFilter


class SqlSettings(Settings):
    """A database of another program: SQLite or PostgreSQL."""

    file: Path | None = setting(None, "An SQLite database; it is only read.")
    url: PostgresUrl | None = setting(
        None,
        "A PostgreSQL database instead, like `postgresql://mail@db.example.org/site`; wants the extra `mailrail[postgres]`. A host elsewhere "
        "must have a certificate that is good for its name, unless `?sslmode=` says otherwise.",
    )
    password_file: Path | None = setting(
        None, "File whose first line is our password at url; read at the start."
    )
    ca_file: Path | None = setting(
        None, "PEM file of the authorities that may vouch for the server at url, instead of the system's."
    )
    query: str = setting(
        "SELECT password FROM users WHERE name = :name",
        "Returns the row of the user :name, with columns named as the keys of a user file: password, scram, disabled, "
        "may_send_as, messages_per_hour ...",
    )
    timeout_s: Duration = setting(
        5, "How long the database may take to answer.", unit="s", source="practice", ge=0.1, le=60
    )
    connections: int = setting(
        4, "Questions at one time.", unit="connections", source="practice", ge=1, le=64
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.file is not None and self.url is not None:
            raise ValueError("users come from one database: keep one of file and url")
        if self.url is None and (self.password_file, self.ca_file) != (None, None):
            raise ValueError("password_file and ca_file are for a database at url, and there is none")
        return self

    @property
    def is_on(self) -> bool:
        """Tell whether there is a database."""
        return self.file is not None or self.url is not None


class LdapUsersSettings(LdapServerSettings):
    """A directory (LDAP) that users log in to: by a search for their entry, or by its DN."""

    base: str = setting(
        "", "The entry below which users are searched.", examples=["ou=people,dc=example,dc=org"]
    )
    scope: Scope = setting(
        Scope.SUBTREE, "How far below: only it, one level, or all.", source="RFC 4511 §4.5.1.2"
    )
    filter: str = setting(
        "(uid={name})",
        "Which entry is the user's. `{name}`, `{local_part}` and `{domain}` stand for the login name and its parts, and are values "
        "whatever signs are in them.",
        source="RFC 4515",
    )
    user_dn: str = setting(
        "",
        "The user's entry itself instead of base and filter, like `uid={local_part},ou=people,dc=example,dc=org`; nobody need search then.",
        source="RFC 4514",
    )
    senders: str = setting(
        "", "Attribute of the user's entry with addresses that it may send as too, like `mail`."
    )
    timeout_s: Duration = setting(
        5, "How long the directory may take to answer.", unit="s", source="practice", ge=0.1, le=60
    )
    connections: int = setting(
        4, "Questions at one time.", unit="connections", source="practice", ge=1, le=64
    )

    @model_validator(mode="after")
    def _leads_to_an_entry(self) -> Self:
        if self.servers and bool(self.base) == bool(self.user_dn):
            raise ValueError("needs one way to the user's entry: base with filter, or user_dn")
        if self.user_dn and not {"{name}", "{local_part}"} & set(re.findall(r"\{\w+\}", self.user_dn)):
            raise ValueError(
                f"{self.user_dn!r} is the same for everybody: put {{name}} or {{local_part}} in it"
            )
        try:
            SearchFilter(self.filter, NAME_HOLES)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return self


class OAuthSettings(Settings):
    """Logins by access tokens of OAuth 2.0: signed ones, checked with the keys of their issuer, or any, which the issuer is asked about."""

    keys_url: str = setting(
        "",
        "Where the issuer publishes the keys that it signs tokens with: `jwks_uri` of its metadata.",
        source="RFC 7517 §5, RFC 8414",
    )
    introspection_url: str = setting(
        "", "Where the issuer says whose a token is, instead of keys_url.", source="RFC 7662"
    )
    client_id: str = setting("", "Who we are to introspection_url.")
    client_secret_file: Path | None = setting(
        None, "File whose first line is our secret there; read at the start."
    )
    issuer: str = setting("", "What a token's `iss` must be; keys_url needs it.", source="RFC 7519 §4.1.1")
    audience: str = setting(
        "",
        "What must be in a token's `aud`, so that one for another service is none for us; keys_url needs it.",
        source="RFC 7519 §4.1.3, RFC 8725 §3.9",
    )
    scope: str = setting("", "Word that must be in a token's `scope`.", source="RFC 8693 §4.2")
    user_claim: str = setting(
        "email",
        "The claim that is the login name: email, preferred_username, sub, username ... An email that the issuer says is not verified lets "
        "nobody in.",
        source="OpenID Connect Core 1.0 §5.1",
        min_length=1,
    )
    leeway_s: Duration = setting(
        60,
        "How far the issuer's clock and ours may be apart (`exp`, `nbf`).",
        unit="s",
        source="RFC 7519 §4.1.4",
        ge=0,
        le=600,
    )
    timeout_s: Duration = setting(
        5, "How long the issuer may take to answer.", unit="s", source="practice", ge=1, le=60
    )
    ca_file: Path | None = setting(
        None, "PEM file of the authorities that may vouch for the issuer, instead of the system's."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.keys_url and self.introspection_url:
            raise ValueError("tokens are checked in one way: keep one of keys_url and introspection_url")
        if self.keys_url and not (self.issuer and self.audience):
            raise ValueError("keys_url needs issuer and audience: others have tokens of this issuer, too")
        if len({bool(self.introspection_url), bool(self.client_id), self.client_secret_file is not None}) > 1:
            raise ValueError("introspection_url, client_id and client_secret_file belong together")
        if self.is_on and not is_safe_url(self.url):
            raise ValueError(f"{self.url!r} must begin with https://, or be on loopback by http://")
        return self

    @property
    def url(self) -> str:
        """Return where the issuer is asked; "" for nowhere."""
        return self.keys_url or self.introspection_url

    @property
    def is_on(self) -> bool:
        """Tell whether tokens are taken."""
        return bool(self.url)


class UsersSettings(Settings):
    """Where logins come from, and how they are checked: from a file, a database, a directory, a Dovecot or a function, and by tokens."""

    file: Path | None = setting(
        None,
        "File of the users, which `mailrail user` keeps; without one nobody can log in. Taken as soon as it changes.",
    )
    sql: SqlSettings = setting(SqlSettings(), "Users from a database.")
    ldap: LdapUsersSettings = setting(LdapUsersSettings(), "Users from a directory, who log in there.")
    dovecot: Path | None = setting(
        None, "Dovecot's socket for authentication clients, which it may have for Postfix already."
    )
    function: FunctionName = setting(
        "",
        'Python function that checks passwords, "module:function"; called in a thread with name and password, returns '
        "True or False.",
    )
    oauth: OAuthSettings = setting(
        OAuthSettings(),
        "Logins by OAUTHBEARER and XOAUTH2, beside passwords or instead of them. Where users come from a file, a database or the search of a directory, "
        "only they can log in by a token.",
    )
    scram: bool = setting(
        True,
        "Store SCRAM keys too with each password that `mailrail user` stores, so that a client need not send it.",
        source="RFC 5803",
    )
    scram_sha_1: bool = setting(
        False,
        "And keys for SCRAM-SHA-1, for clients that can do no better; it is only offered where a listener's auth names it.",
        source="RFC 5802",
    )
    threads: int = setting(
        2,
        "Passwords checked at one time; each takes a processor and 19 MiB.",
        unit="threads",
        source="practice",
        ge=1,
        le=64,
    )
    waiting: int = setting(
        64,
        "Logins that may wait for these; further ones are told to try later (454).",
        unit="logins",
        source="practice",
        ge=1,
        le=100_000,
    )
    cache_s: Duration = setting(
        30,
        "How long a password that was right is right again without a check, while its source is the same, for clients that "
        "log in for each message; only a keyed digest of it is remembered.",
        unit="s",
        source="practice",
        ge=0,
        le=600,
    )

    mailbox_cache_s: Duration = setting(
        10,
        "How long it is remembered who is a user and who is not, for recipients, where users are the mailboxes of a domain: the last "
        "10,000 names. So long may a new user's mail be refused still, and that of one who is gone be taken, where the source cannot tell that it has "
        "changed (PostgreSQL, a directory); a reload forgets. Logins are always looked up. 0: not.",
        unit="s",
        source="practice",
        ge=0,
        le=600,
    )

    @model_validator(mode="after")
    def _is_one_source(self) -> Self:
        if sum(self._sources.values()) > 1:
            raise ValueError("users come from one place: keep one of file, sql, ldap, dovecot and function")
        return self

    @property
    def is_on(self) -> bool:
        """Tell whether there are users at all."""
        return self.has_source or self.oauth.is_on

    @property
    def has_source(self) -> bool:
        """Tell whether there are users with passwords."""
        return any(self._sources.values())

    @property
    def source(self) -> str:
        """Return where users with passwords come from, in words; "" for nowhere."""
        return next((words for words, is_on in self._sources.items() if is_on), "")

    @property
    def _sources(self) -> dict[str, bool]:
        return {
            f"the user file {self.file}": self.file is not None,
            f"the database {self.sql.file or self.sql.url}": self.sql.is_on,
            f"the directory at {', '.join(self.ldap.servers)}": bool(self.ldap.servers),
            f"Dovecot at {self.dovecot}": self.dovecot is not None,
            f"the function {self.function}": bool(self.function),
        }
