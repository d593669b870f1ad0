"""Floor 3 · directory — who may log in, for people to set."""

import re
from pathlib import Path
from typing import Final, Self

from pydantic import model_validator

from mailrail.settings import Duration, Settings, setting

_FUNCTION: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


class SqlSettings(Settings):
    """An SQLite database of another program."""

    file: Path | None = setting(None, "The database; it is only read.")
    query: str = setting(
        "SELECT password FROM users WHERE name = :name",
        "Returns the row of the user :name, with columns named as the keys of a user file: password, scram, disabled, "
        "may_send_as, messages_per_hour ...",
    )


class UsersSettings(Settings):
    """Where logins come from, and how they are checked: from a file, a database, a Dovecot or a function."""

    file: Path | None = setting(
        None,
        "File of the users, which `mailrail user` keeps; without one nobody can log in. Taken as soon as it changes.",
    )
    sql: SqlSettings = setting(SqlSettings(), "Users from an SQLite database.")
    dovecot: Path | None = setting(
        None, "Dovecot's socket for authentication clients, which it may have for Postfix already."
    )
    function: str = setting(
        "",
        'Python function that checks passwords, "module:function"; called in a thread with name and password, returns '
        "True or False.",
    )
    scram: bool = setting(
        True,
        "Store SCRAM keys too with each password that `mailrail user` stores, so that a client need not send it.",
        source="RFC 5803",
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

    @model_validator(mode="after")
    def _is_one_source(self) -> Self:
        if sum(self._sources) > 1:
            raise ValueError("users come from one place: keep one of file, sql.file, dovecot and function")
        if self.function and _FUNCTION.fullmatch(self.function) is None:
            raise ValueError(f"{self.function!r} names no function: write it like mysite.mail:check")
        return self

    @property
    def is_on(self) -> bool:
        """Tell whether there are users at all."""
        return any(self._sources)

    @property
    def _sources(self) -> tuple[bool, ...]:
        return (
            self.file is not None,
            self.sql.file is not None,
            self.dovecot is not None,
            bool(self.function),
        )
