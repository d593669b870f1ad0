"""Floor 3 · addresses — the settings that say who can be written to.

The part of `[domain."x"]` that says who lives there stands beside the part of `routing` that says where its mail goes;
`[addresses]` bounds what comes of it.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from mailrail.addresses.local_domain import LocalDomain, Names
from mailrail.addresses.targets import BrokenTargetError, Power, parse_target
from mailrail.model import Address, parse_domain
from mailrail.settings import Duration, Settings, setting
from mailrail.tables import TableName


def parse_targets(value: object) -> object:
    """Take a single target for a list of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _checked_separators(text: str) -> str:
    if any(not mark.isprintable() or mark.isalnum() or mark in ' @."' for mark in text):
        raise ValueError(f'{text!r}: separators are signs such as "+", "-" or "="')
    return text


def _checked_domain(text: str) -> str:
    return parse_domain(text) if text else ""


Targets = Annotated[tuple[str, ...], BeforeValidator(parse_targets)]


class DomainAddresses(Settings):
    """The part of `[domain."x"]` that says who lives there; without any of it every name is taken."""

    mailboxes: tuple[TableName, ...] = setting(
        (),
        "Tables whose keys are the mailboxes: the local part or the whole address. None: the users of [users] where an agent delivers; else "
        "every name, or where there are aliases and no way to send the mail on, none.",
    )
    aliases: tuple[TableName, ...] = setting((), "Tables of aliases, asked in this order.")
    alias: dict[str, Targets] = setting(
        {},
        "Aliases written here, asked before the tables.",
        examples=['{ info = ["ann", "bob@example.net"] }'],
    )
    catch_all: Targets = setting((), "Who gets the mail for names that are neither alias nor mailbox.")
    separators: Annotated[str, AfterValidator(_checked_separators)] = setting(
        "+",
        "Signs behind which the detail of a sub-address begins: ann+news is ann, unless it is a name of its own.",
        source="RFC 5233",
        max_length=8,
    )
    alias_of: Annotated[str, AfterValidator(_checked_domain)] = setting(
        "", "Another domain that has the same names; those given here come first."
    )
    allow: tuple[Power, ...] = setting(
        (),
        "What aliases may name beside addresses: files (/path), programs (|program), agents (:agent:NAME) and includes (:include:/path). Whoever may write "
        "the tables can then have files written, programs run, mail handed over or files read.",
    )
    verify: bool = setting(
        False,
        "Ask the next hop whether it takes mail for a name before taking it here; answers are remembered.",
    )

    @property
    def is_plain(self) -> bool:
        """Tell whether every name is taken as it is."""
        return not (
            self.mailboxes or self.aliases or self.alias or self.catch_all or self.alias_of or self.verify
        )

    @model_validator(mode="after")
    def _targets_are_possible(self) -> Self:
        here = Address("name", "domain.invalid")
        try:
            for text in (*self.catch_all, *(one for targets in self.alias.values() for one in targets)):
                parse_target(text, here, self.allow)
        except BrokenTargetError as error:
            raise ValueError(str(error)) from None
        if self.alias_of and (self.mailboxes or self.catch_all or self.verify):
            raise ValueError(
                "alias_of says that the names are those of another domain: leave out mailboxes, catch_all and verify"
            )
        return self


def _checked_mask(text: str) -> str:
    sign = "!" if text.startswith("!") else ""
    return sign + parse_domain(text.removeprefix("!"))


class CanonicalSettings(Settings):
    """Addresses written in another way than they came: in the envelope of all mail, and in the header of what our own people hand in."""

    sender: tuple[TableName, ...] = setting((), "Tables of what senders are called, asked in this order.")
    recipient: tuple[TableName, ...] = setting(
        (), "Tables of what recipients are called, asked before every alias."
    )
    masquerade: tuple[Annotated[str, AfterValidator(_checked_mask)], ...] = setting(
        (),
        'Domains whose hosts are not shown: ann@host.example.org becomes ann@example.org; "!host.example.org" before it is shown. The '
        "envelope's recipients stay.",
        source="Postfix masquerade_domains",
    )
    masquerade_except: tuple[str, ...] = setting(
        (), "Local parts that keep their host.", examples=['["root"]']
    )
    header: bool = setting(
        True,
        "Rewrite From, To and the like too, in what is handed in by submission and internal listeners, and by sendmail.",
    )

    @property
    def is_on(self) -> bool:
        """Tell whether anything is rewritten."""
        return bool(self.sender or self.recipient or self.masquerade)


class VerifySettings(Settings):
    """How next hops are asked about addresses, for the domains that say `verify = true`."""

    good_s: Duration = setting(
        86_400,
        "How long an address that the next hop takes is not asked about again.",
        unit="s",
        source="practice",
        ge=0,
    )
    bad_s: Duration = setting(
        3600,
        "The same for one that it does not take.",
        unit="s",
        source="Postfix address_verify_negative_refresh_time 3h",
        ge=0,
    )
    longest_s: Duration = setting(
        31 * 86_400,
        "How long an address that it took is good where the next hop cannot be asked.",
        unit="s",
        source="Postfix address_verify_positive_expire_time 31d",
        ge=0,
    )
    timeout_s: Duration = setting(
        30, "How long an answer may take; the client waits for it.", unit="s", source="practice", ge=1, le=240
    )
    at_once: int = setting(
        20,
        "Questions asked at the same time, by each worker.",
        unit="questions",
        source="practice",
        ge=1,
        le=1000,
    )
    remembered: int = setting(
        100_000,
        "Addresses whose answer is remembered, in memory, by each worker; those not asked for longest go first.",
        unit="addresses",
        source="practice",
        ge=1,
        le=10_000_000,
    )


class AddressSettings(Settings):
    """How far aliases may lead."""

    @model_validator(mode="after")
    def _one_fits_into_all(self) -> Self:
        if self.recipients > self.message_recipients:
            raise ValueError("need recipients <= message_recipients")
        return self

    depth: int = setting(
        20,
        "Aliases one behind another.",
        unit="aliases",
        source="sendmail MaxAliasRecursion 10",
        ge=1,
        le=100,
    )
    recipients: int = setting(
        1000,
        "Recipients that one address may lead to.",
        unit="recipients",
        source="Postfix virtual_alias_expansion_limit 1000",
        ge=1,
        le=50_000,
    )
    message_recipients: int = setting(
        5000,
        "Recipients that a whole message may lead to; more must come in another transaction.",
        unit="recipients",
        source="practice",
        ge=1,
        le=100_000,
    )


def local_domains(
    domains: Mapping[str, DomainAddresses],
    *,
    delivered_here: Collection[str],
    sent_on: Collection[str],
    has_users: bool,
) -> dict[str, LocalDomain]:
    """Make ready the domains that somebody lives in.

    Args:
        domains: every domain that mail is taken for.
        delivered_here: those whose mail an agent of ours delivers.
        sent_on: those with a next hop of their own.
        has_users: it is known who has a login.
    """
    found = {}
    for name, settings in domains.items():
        is_here = name in delivered_here
        if settings.is_plain and not is_here:
            continue
        found[name] = LocalDomain(
            name=name,
            names=_names(settings, is_here=is_here, is_sent_on=name in sent_on, has_users=has_users),
            alias={key.lower(): targets for key, targets in settings.alias.items()},
            aliases=settings.aliases,
            mailboxes=settings.mailboxes,
            catch_all=settings.catch_all,
            separators=settings.separators,
            alias_of=settings.alias_of,
            allow=frozenset(settings.allow),
            is_ours_to_spell=is_here,
        )
    return found


def _names(settings: DomainAddresses, *, is_here: bool, is_sent_on: bool, has_users: bool) -> Names:
    if settings.mailboxes:
        return Names.LISTED
    if is_here and has_users:
        return Names.USERS
    if settings.verify:
        return Names.ASKED
    if not (is_here or is_sent_on):
        return Names.NONE
    return Names.NAMED if settings.catch_all else Names.ANY
