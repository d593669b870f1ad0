"""Floor 3 · directory — who may log in, for people to set."""

from pathlib import Path

from mailrail.settings import Duration, Settings, setting


class UsersSettings(Settings):
    """Where logins come from, and how they are checked."""

    file: Path | None = setting(
        None,
        "File of the users, which `mailrail user` keeps; without one nobody can log in. Taken as soon as it changes.",
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
