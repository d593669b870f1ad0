"""Floor 2 · tables — the settings of each kind of table."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from mailrail.settings import Duration, Settings, Size, setting
from mailrail.tables.fetching import is_safe_url
from mailrail.tables.functions import FunctionName

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError(
            f"{text!r} is no name for a table: letters, digits, - and _ make one, and a letter begins it"
        )
    return text


TableName = Annotated[str, AfterValidator(_name)]
Values = str | tuple[str, ...]


class InlineSettings(Settings):
    """A table in the settings themselves."""

    kind: Literal["inline"] = setting(..., "What sort of table it is.")
    entries: dict[str, Values] = setting(
        ..., 'Keys with their values: `entries = { info = ["ann", "bob"], sales = "carl" }`.'
    )


class FileSettings(Settings):
    """A text file with a key in each line and, behind space, its values, as `postmap` reads it; taken as soon as it changes."""

    kind: Literal["file"] = setting(..., "What sort of table it is.")
    file: Path = setting(..., "The file.", examples=["/etc/mailrail/people"])


class AliasesSettings(Settings):
    """A file in the classic format of `aliases(5)`, read as it is; taken as soon as it changes, without `newaliases`."""

    kind: Literal["aliases"] = setting(..., "What sort of table it is.")
    file: Path = setting(..., "The file.", examples=["/etc/aliases"])


class RegexSettings(Settings):
    """Regular expressions, of which the first that fits counts; capitals make no difference."""

    kind: Literal["regex"] = setting(..., "What sort of table it is.")
    rules: dict[str, Values] = setting(
        {}, "Expressions with their values, in which `$1` is what the first group fits; asked in this order."
    )
    file: Path | None = setting(
        None,
        "A file of lines `/expression/flags values`, as Postfix's `regexp` and `pcre` tables have it; asked after the rules.",
    )
    expression_timeout_s: Duration = setting(
        0.1, "How long one expression may take for one key.", unit="s", source="practice", ge=0.01, le=5
    )

    @model_validator(mode="after")
    def _has_some(self) -> Self:
        if not self.rules and self.file is None:
            raise ValueError("has no expressions: give it rules or a file")
        return self


class AskedSettings(Settings):
    """What tables have in common that are asked elsewhere: how long, how many at a time, and what is remembered."""

    timeout_s: Duration = setting(
        5,
        "How long an answer may take; then it is not known now.",
        unit="s",
        source="practice",
        ge=0.1,
        le=60,
    )
    at_once: int = setting(
        4,
        "Questions, and so connections or threads, at one time.",
        unit="questions",
        source="practice",
        ge=1,
        le=64,
    )
    waiting: int = setting(
        1000,
        "Questions that may wait for these; further ones are not answered now.",
        unit="questions",
        source="practice",
        ge=1,
        le=100_000,
    )
    found_s: Duration = setting(
        60, "How long what was found is remembered; 0: not.", unit="s", source="practice", ge=0, le=86_400
    )
    missing_s: Duration = setting(
        10,
        "How long it is remembered that there was nothing; 0: not.",
        unit="s",
        source="practice",
        ge=0,
        le=86_400,
    )
    stale_s: Duration = setting(
        3600,
        "How much longer what was found still serves while the table does not answer; 0: not. That there was nothing never does.",
        unit="s",
        source="practice",
        ge=0,
        le=604_800,
    )
    remembered: int = setting(
        10_000, "Answers that are remembered at most.", unit="answers", source="practice", ge=1, le=10_000_000
    )


class FunctionSettings(AskedSettings):
    """A Python function, called in a thread, or awaited if it is `async`: it gets the key and returns None, a text or a list of texts."""

    kind: Literal["function"] = setting(..., "What sort of table it is.")
    function: FunctionName = setting(
        ..., 'The function, "module:function".', examples=["mysite.mail:look_up"]
    )


class SqliteSettings(AskedSettings):
    """An SQLite database of another program; it is only read."""

    kind: Literal["sqlite"] = setting(..., "What sort of table it is.")
    file: Path = setting(..., "The database.", examples=["/var/lib/site/people.db"])
    query: str = setting(
        ...,
        "A query of `:key` whose first column holds the values, in one row or several; no row: there is nothing.",
        examples=["SELECT target FROM aliases WHERE address = :key"],
    )


def _postgres_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in ("postgresql", "postgres")
        has_password = parts.password is not None or "password=" in parts.query
    except ValueError:
        is_whole = has_password = False
    if not is_whole:
        raise ValueError(
            f"{text!r} is no URL of PostgreSQL: write it like postgresql://mail@db.example.org/site"
        )
    if has_password:
        raise ValueError(
            "holds a password, which settings are no place for: put it into the file password_file"
        )
    return text


PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]


class PostgresSettings(AskedSettings):
    """A PostgreSQL database; wants the extra `mailrail[postgres]`."""

    kind: Literal["postgres"] = setting(..., "What sort of table it is.")
    url: PostgresUrl = setting(
        ...,
        "The database, as libpq reads it; several hosts stand between commas. A host elsewhere must have a certificate that is good for "
        "its name, unless `?sslmode=` says otherwise.",
        examples=["postgresql://mail@db.example.org/site"],
    )
    password_file: Path | None = setting(
        None, "File whose first line is our password there; read at the start."
    )
    ca_file: Path | None = setting(
        None, "PEM file of the authorities that may vouch for the server, instead of the system's."
    )
    query: str = setting(
        ...,
        "A query of `:key` whose first column holds the values, in one row or several; no row: there is nothing.",
        examples=["SELECT target FROM aliases WHERE address = :key"],
    )


class HttpSettings(AskedSettings):
    """A service that answers by HTTP and JSON: a text, a list of texts, or an object with such a member `values`; 404 says that there is nothing."""

    kind: Literal["http"] = setting(..., "What sort of table it is.")
    url: str = setting(
        ...,
        'What is asked, by https, or by http on loopback. `{key}` in it is the key, escaped; without, `{"key": "..."}` is posted.',
        examples=["https://directory.example.org/aliases/{key}"],
    )
    token_file: Path | None = setting(
        None,
        "File whose first line is a token that says who we are (Bearer); read at the start.",
        source="RFC 6750 §2.1",
    )
    ca_file: Path | None = setting(
        None, "PEM file of the authorities that may vouch for the service, instead of the system's."
    )
    most_bytes: Size = setting(
        262_144, "How long an answer may be.", unit="bytes", source="practice", ge=1024, le=16_777_216
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if not is_safe_url(self.url.replace("{key}", "key")):
            raise ValueError(f"{self.url!r} must begin with https://, or be on loopback by http://")
        if "{key}" in urlsplit(self.url).netloc:
            raise ValueError(
                f"{self.url!r} would let strangers say which host is asked: put {{key}} behind it"
            )
        return self


class AccountsSettings(AskedSettings):
    """The accounts of this system, by their login names: who has a mailbox as on a host that people log in to."""

    kind: Literal["accounts"] = setting(..., "What sort of table it is.")
