"""Floor 5 · config — every room's settings, nested as they stand in the TOML file."""

from typing import Annotated

from pydantic import AfterValidator

from mailrail.acme.settings import AcmeSettings
from mailrail.addresses import AddressSettings, BatvSettings, CanonicalSettings, SrsSettings, VerifySettings
from mailrail.admin.settings import AdminSettings
from mailrail.agents import AgentSettings
from mailrail.client.settings import ClientSettings
from mailrail.config.domain import DomainSettings
from mailrail.config.listener import ListenerSettings
from mailrail.config.relay import RelaySettings
from mailrail.delivery.settings import DeliverySettings
from mailrail.directory import UsersSettings
from mailrail.dns.settings import DnsSettings
from mailrail.model import AddressError, parse_domain
from mailrail.net import NetSettings, TlsSettings
from mailrail.observe.settings import LogSettings
from mailrail.pickup import MaildropSettings
from mailrail.policy import GuessingSettings, QuotaSettings, SubmissionSettings
from mailrail.queue.settings import QueueSettings
from mailrail.report.settings import ReportSettings
from mailrail.routing import RouteSettings, RoutingSettings
from mailrail.server.settings import LimitSettings, TimeoutSettings
from mailrail.settings import Settings, setting
from mailrail.spool.settings import SpoolSettings
from mailrail.tables import TableName, TableSettings


def _host_name(text: str) -> str:
    try:
        domain = parse_domain(text)
    except AddressError as error:
        raise ValueError(f"{error}: write the full name of this host, like mx1.example.org") from None
    if domain.startswith("[") or "." not in domain:
        raise ValueError(f"{text!r} is not a full host name: write one with its domain, like mx1.example.org")
    return domain


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except AddressError as error:
        raise ValueError(f'{error}: write it like [domain."example.org"]') from None


# Canonical, so that policy and routing compare equal strings (model/domain.py).
DomainName = Annotated[str, AfterValidator(_domain)]
HostName = Annotated[str, AfterValidator(_host_name)]


class MailrailSettings(Settings):
    """All settings of one mailrail."""

    hostname: HostName = setting(
        ...,
        "The name of this host in greetings, traces and notices; it should resolve to this host's address.",
        source="RFC 5321 §4.1.1.1",
        examples=["mx1.example.org"],
    )
    workers: int = setting(
        0,
        "Processes that share the work; 0: one for each core, at most 8 and no more than every limit that they "
        "split is enough for.",
        unit="processes",
        source="practice",
        ge=0,
        le=64,
    )
    spool: SpoolSettings = setting(SpoolSettings(), "Where mail is kept.")
    listener: tuple[ListenerSettings, ...] = setting(
        (ListenerSettings(address="0.0.0.0:25"),), "Where mail is taken; one table for each address."
    )
    relay: RelaySettings = setting(RelaySettings(), "Who may send mail to anywhere.")
    users: UsersSettings = setting(UsersSettings(), "Who may log in, on listeners that offer logins.")
    guessing: GuessingSettings = setting(
        GuessingSettings(), "What slows down and stops those who guess passwords."
    )
    submission: SubmissionSettings = setting(SubmissionSettings(), "As whom those who log in may send.")
    quota: QuotaSettings = setting(QuotaSettings(), "How much those who log in may send.")
    domain: dict[DomainName, DomainSettings] = setting(
        {}, "A domain that mail is taken for; one table for each."
    )
    table: dict[TableName, TableSettings] = setting(
        {}, "A table that other settings look something up in by its name; one for each."
    )
    addresses: AddressSettings = setting(AddressSettings(), "How far aliases may lead.")
    canonical: CanonicalSettings = setting(
        CanonicalSettings(), "Addresses written in another way than they came."
    )
    verify: VerifySettings = setting(VerifySettings(), "How next hops are asked about addresses.")
    route: tuple[RouteSettings, ...] = setting(
        (), "Where mail goes: the first match wins; where none matches, the MX of the recipient's domain."
    )
    srs: SrsSettings = setting(
        SrsSettings(), "In whose name mail leaves that is forwarded out of our domains."
    )
    batv: BatvSettings = setting(
        BatvSettings(), "Whether our own mail leaves signed, and bounces must prove it."
    )
    agent: dict[str, AgentSettings] = setting(
        {}, "An agent that delivers on this machine; one table for each, named as `deliver` names it."
    )
    routing: RoutingSettings = setting(RoutingSettings(), "How the hosts of a destination are chosen.")
    tls: TlsSettings = setting(TlsSettings(), "TLS towards those who bring us mail.")
    acme: AcmeSettings = setting(AcmeSettings(), "A certificate fetched and renewed by ACME.")
    limits: LimitSettings = setting(LimitSettings(), "What a client may use up.")
    timeouts: TimeoutSettings = setting(TimeoutSettings(), "How long a client may take.")
    net: NetSettings = setting(NetSettings(), "How sockets behave; few sites ever change this.")
    dns: DnsSettings = setting(DnsSettings(), "Whom to ask for names.")
    queue: QueueSettings = setting(QueueSettings(), "When and how fast mail goes out.")
    delivery: DeliverySettings = setting(DeliverySettings(), "How one try to deliver goes.")
    client: ClientSettings = setting(ClientSettings(), "How long a next hop may take.")
    report: ReportSettings = setting(ReportSettings(), "Notices to senders.")
    maildrop: MaildropSettings = setting(
        MaildropSettings(), "Where programs of this machine leave mail, by `sendmail`."
    )
    log: LogSettings = setting(LogSettings(), "The log, on standard error.")
    admin: AdminSettings = setting(AdminSettings(), "The operator's door.")

    def separators_of(self, domain: str) -> str:
        """Return the characters that a sub-address begins with in *domain*; "" where we take no mail for it."""
        known = self.domain.get(domain)
        return "" if known is None else known.separators
