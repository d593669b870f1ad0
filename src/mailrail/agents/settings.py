"""Floor 4 · agents — what can be set about an agent: `[agent.NAME]`.

One table for every kind: each key says which kinds it is for, and a key of another kind is an error.
"""

import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, model_validator

from mailrail.agents.template import OF_ARGUMENTS, check_path, check_template
from mailrail.model import Reply
from mailrail.model import reply as say
from mailrail.settings import Duration, Settings, Size, setting
from mailrail.tables import FunctionName, is_safe_url

_REPLY: Final = re.compile(r"([45]\d\d) ([45]\.\d{1,3}\.\d{1,3}) ([\x20-\x7e]{1,400})")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Kind(Enum):
    """What an agent does."""

    MAILDIR = "maildir"
    MBOX = "mbox"
    PIPE = "pipe"
    HTTP = "http"
    FUNCTION = "function"
    DISCARD = "discard"
    ERROR = "error"


_OF_ONE: Final = re.compile(r"\{(domain|local_part|detail|user|home|recipient)\}")

# Which kinds a key is for; a key that is not here is for all.
_FILES: Final = (Kind.MAILDIR, Kind.MBOX)
_ONLY: Final[dict[str, tuple[Kind, ...]]] = {
    "path": _FILES,
    "create": _FILES,
    "user": (*_FILES, Kind.PIPE),
    "group": (*_FILES, Kind.PIPE),
    "quota": _FILES,
    "quota_messages": (Kind.MAILDIR,),
    "over_quota": _FILES,
    "folders": (Kind.MAILDIR,),
    "lock_s": (Kind.MBOX,),
    "command": (Kind.PIPE,),
    "directory": (Kind.PIPE,),
    "environment": (Kind.PIPE,),
    "together": (Kind.PIPE, Kind.HTTP, Kind.FUNCTION),
    "timeout_s": (Kind.PIPE, Kind.HTTP, Kind.FUNCTION),
    "url": (Kind.HTTP,),
    "body": (Kind.HTTP,),
    "secret_file": (Kind.HTTP,),
    "ca_file": (Kind.HTTP,),
    "function": (Kind.FUNCTION,),
    "reply": (Kind.ERROR,),
}
_NEEDED: Final[dict[Kind, str]] = {Kind.HTTP: "url", Kind.FUNCTION: "function"}


def _path(text: str) -> str:
    return check_path(text) if text else text


def _account(text: str) -> str:
    if text not in ("", "{local_part}") and not text.isprintable():
        raise ValueError(f"{text!r} is not the name of an account")
    return check_template(text, ("local_part",))


def _argument(text: str) -> str:
    if "\0" in text:
        raise ValueError("an argument cannot have a NUL")
    return check_template(text, OF_ARGUMENTS)


def _url(text: str) -> str:
    if text and not is_safe_url(text):
        raise ValueError(
            f"{text!r} must begin with https://, or be on loopback by http://, and have no login in it"
        )
    return text


def _reply(text: str) -> str:
    found = _REPLY.fullmatch(text)
    if found is None or found[1][0] != found[2][0]:
        raise ValueError(f'{text!r} is not a reply: write it like "550 5.7.1 This address takes no mail"')
    return text


class AgentSettings(Settings):
    """An agent: what delivers on this machine. `maildir`, `mbox`, `pipe`, `discard` and `error` are there without a table of their own."""

    kind: Kind = setting(..., "What it does.")
    path: Annotated[str, AfterValidator(_path)] = setting(
        "",
        "Where the mailbox is (maildir, mbox), with {domain}, {local_part} (without the sub-address), {detail} (the sub-address), {user} and "
        "{home} of the account that it is written as; empty: /var/vmail/{domain}/{local_part} for maildir, /var/mail/{local_part} for mbox.",
    )
    create: bool = setting(
        True, "Make a mailbox, and directories that lead to it, where they are missing (maildir, mbox)."
    )
    user: Annotated[str, AfterValidator(_account)] = setting(
        "",
        'The account that mailboxes are written as and programs run as (maildir, mbox, pipe); "{local_part}": that of the recipient. Empty: as '
        "mailrail runs, unless that is root. It takes root to become another.",
    )
    group: str = setting("", "The group instead of that account's own (maildir, mbox, pipe).")
    quota: Size = setting(
        0,
        "How much a mailbox may hold (maildir, mbox); 0: what its maildirsize says, if it has one.",
        unit="bytes",
        source="Maildir++",
        ge=0,
    )
    quota_messages: int = setting(
        0, "How many messages a mailbox may hold (maildir); 0: as for quota.", source="Maildir++", ge=0
    )
    over_quota: Literal["defer", "fail"] = setting(
        "defer",
        "What becomes of mail for a full mailbox: defer (452 4.2.2) or fail (552 5.2.2).",
        source="RFC 3463 §3.3",
    )
    folders: bool = setting(
        False,
        "Put mail for user+detail into the folder .Detail, if there is one (maildir).",
        source="Maildir++, RFC 5233",
    )
    lock_s: Duration = setting(
        30, "How long to wait for a mailbox that another program has locked (mbox).", unit="s", ge=0, le=600
    )
    command: tuple[Annotated[str, AfterValidator(_argument)], ...] = setting(
        (),
        "Program and arguments, without a shell (pipe); besides what a path may have, {sender}, {recipient} and {queue_id}.",
        examples=["/usr/lib/dovecot/dovecot-lda"],
    )
    directory: Path = setting(Path("/"), "Where the program runs (pipe).")
    environment: dict[str, str] = setting({}, "Variables that the program gets besides ours (pipe).")
    together: bool = setting(
        False, "Call once for all recipients of a message, not once for each (pipe, http, function)."
    )
    timeout_s: Duration = setting(
        300, "How long one call may take (pipe, http, function).", unit="s", gt=0, le=3600
    )
    url: Annotated[str, AfterValidator(_url)] = setting(
        "", "Where to POST (http): https, or http on loopback."
    )
    body: Literal["multipart", "raw"] = setting(
        "multipart",
        "What is posted (http): multipart/form-data with envelope (JSON) and message, or the message alone, the envelope in fields.",
    )
    secret_file: Path | None = setting(
        None,
        "File whose first line is the secret that calls are signed with (http).",
        source="Standard Webhooks",
    )
    ca_file: Path | None = setting(
        None, "PEM file of the authorities that may vouch for url, instead of the system's (http)."
    )
    function: FunctionName = setting("", 'What is called, "module:function" (function).')
    reply: Annotated[str, AfterValidator(_reply)] = setting(
        "550 5.1.1 No such mailbox here", "What every message is answered with (error); with a 4yz it waits."
    )

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        for key in sorted(self.model_fields_set):
            kinds = _ONLY.get(key)
            if kinds is not None and self.kind not in kinds:
                words = " and ".join(kind.value for kind in kinds)
                raise ValueError(f"{key} is for {words} only, not for {self.kind.value}")
        needed = _NEEDED.get(self.kind)
        if needed is not None and not getattr(self, needed):
            raise ValueError(f"kind {self.kind.value} needs {needed}")
        if self.group and not self.user:
            raise ValueError("group needs user")
        if any(not _VARIABLE.fullmatch(name) or "\0" in text for name, text in self.environment.items()):
            raise ValueError("environment: names are letters, digits and _, and no value has a NUL")
        if self.together and any(text != "{recipient}" and _OF_ONE.search(text) for text in self.command):
            raise ValueError(
                "together: of the recipients only an argument {recipient}, which stands for each, is known"
            )
        if self.command and not self.command[0].startswith("/"):
            raise ValueError(f"{self.command[0]!r}: name the program by its absolute path")
        return self

    @property
    def answer(self) -> Reply:
        """The reply of an agent of kind error."""
        found = _REPLY.fullmatch(self.reply)
        assert found is not None, "checked when it was set"
        return Reply(int(found[1]), found[2], found[3], say.NO_SUCH_MAILBOX.source)


# Those that are there without a table; what an alias names goes to the first three.
BUILT_IN: Final[dict[str, Kind]] = {
    kind.value: kind for kind in (Kind.MAILDIR, Kind.MBOX, Kind.PIPE, Kind.DISCARD, Kind.ERROR)
}


def all_agents(own: Mapping[str, AgentSettings]) -> dict[str, AgentSettings]:
    """Return the agents there are: those of the settings, and those that are there without a table."""
    return {name: AgentSettings(kind=kind) for name, kind in BUILT_IN.items()} | dict(own)
