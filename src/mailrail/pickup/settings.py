"""Floor 4 · pickup — the settings of the maildrop."""

from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from mailrail.model import AddressError, parse_domain
from mailrail.settings import Duration, Settings, setting


class Access(Enum):
    """Who may hand in mail."""

    NOBODY = "nobody"  # there is no maildrop
    OWNER = "owner"  # the user that the server runs as, and root
    EVERYONE = "everyone"  # every user of this machine


class Senders(Enum):
    """As whom mail may be handed in."""

    ANY = "any"
    OWN = "own"  # one's own address; root, the server's user and those trusted: as anybody


def _domain(text: str) -> str:
    try:
        return parse_domain(text) if text else text
    except AddressError as error:
        raise ValueError(f"{error}: write it like example.org") from None


class MaildropSettings(Settings):
    """The directory where `sendmail` leaves mail, whether the server runs or not."""

    directory: Path | None = setting(
        None, "Where it is; default: maildrop in the spool's directory. Every user must be able to reach it."
    )
    access: Access = setting(
        Access.OWNER,
        "Who may hand in mail by sendmail: nobody, owner (the user that the server runs as, and root) or everyone on this machine; "
        "with the last, other users are let through the spool's directory, but cannot look into it.",
    )
    users: tuple[str, ...] = setting(
        (), "Names of those who may, of those who can; empty: all of them. Others are refused (550)."
    )
    senders: Senders = setting(
        Senders.ANY,
        "As whom mail may be sent: any, or own for one's own address in the envelope and in From (553, 550).",
        source="Postfix, Exim: any",
    )
    trusted: tuple[str, ...] = setting(
        (),
        'Names of users who may send as anybody where senders = "own", beside root and the server\'s user.',
    )
    origin: Annotated[str, AfterValidator(_domain)] = setting(
        "", "Domain of senders and recipients that are given without one, like root; default: hostname."
    )
    poll_s: Duration = setting(
        10.0,
        "How often it is looked into; sendmail also wakes the server, so that nothing waits for this.",
        unit="s",
        source="practice",
        ge=1,
        le=3600,
    )

    def path(self, spool: Path) -> Path:
        """Return where the maildrop is, given the directory of the spool."""
        return self.directory or spool / "maildrop"
