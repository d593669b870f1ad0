"""Floor 5 · sim — what a scenario file can say: who is there, who sends what, and what goes wrong."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mailrail.config import MailrailSettings
from mailrail.model import AddressError, parse_address, parse_domain
from mailrail.settings import Duration, Settings, Size, setting
from mailrail.sim.strangers import Breakage, Lie

_WHOSE: Final[dict[str, frozenset[str]]] = {
    "greylister": frozenset({"opens_after_s", "forgets_after_s"}),
    "throttler": frozenset({"connections", "per_hour"}),
    "dropper": frozenset({"share", "kept"}),
    "tarpit": frozenset({"reply_s", "end_s"}),
    "broken_tls": frozenset({"breakage"}),
    "liar": frozenset({"lie"}),
    "moody": frozenset({"temporary", "permanent"}),
    "store": frozenset({"busy"}),
}
_STEPS: Final = ("greeting", "hello", "mail", "rcpt", "data", "end")


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except AddressError as error:
        raise ValueError(f"{error}: write it like example.org") from None


def _address(text: str) -> str:
    try:
        return str(parse_address(text))
    except AddressError as error:
        raise ValueError(f"{error}: write it like postmaster@example.org") from None


def _steps(shares: dict[str, float]) -> dict[str, float]:
    for step, share in shares.items():
        if step not in _STEPS:
            raise ValueError(f'"{step}" is no step: there are {", ".join(_STEPS)}')
        if not 0 <= share <= 1:
            raise ValueError(f"{share} is no share: write a number from 0 to 1")
    return shares


Domain = Annotated[str, AfterValidator(_domain)]
Recipient = Annotated[str, AfterValidator(_address)]
Shares = Annotated[dict[str, float], AfterValidator(_steps)]


class NodeSettings(Settings):
    """One mailrail: its settings here, or in a file of their own."""

    address: str = setting(
        "192.0.2.1", "The IP address that it connects from, and that its wildcard listeners are reached at."
    )
    config: str = setting(
        "", "Path of a settings file, seen from the scenario's folder; instead of the table settings."
    )
    settings: MailrailSettings | None = setting(None, "The settings of this mailrail.")

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if bool(self.config) == (self.settings is not None):
            raise ValueError('has its settings in one place: give it config = "FILE", or a table settings')
        return self


class StrangerSettings(Settings):
    """The mail server of a domain, which is not mailrail."""

    kind: Literal[
        "good", "greylister", "throttler", "dropper", "tarpit", "broken_tls", "liar", "moody", "store"
    ] = setting("good", 'How it behaves; a "store" speaks LMTP.')
    address: str = setting("", "Its IP address; empty: one is found. Give it where a route names one.")
    name: str = setting("", 'Its host name; empty: "mx." and the domain.')
    ports: tuple[int, ...] = setting((25, 587), "Where it listens.")
    tls: bool = setting(False, "It offers STARTTLS and means it, with a certificate that nobody vouches for.")
    domains: tuple[Domain, ...] = setting((), "More domains that it is the mail server of.")
    opens_after_s: Duration = setting(300, "greylister: how long a new triple must wait.", unit="s", ge=0)
    forgets_after_s: Duration = setting(
        14_400, "greylister: how late a triple may come again.", unit="s", gt=0
    )
    connections: int = setting(0, "throttler: connections of one client at once; 0: any number.", ge=0)
    per_hour: int = setting(0, "throttler: messages of one client in 60 minutes; 0: any number.", ge=0)
    share: float = setting(0.1, "dropper: share of messages whose last reply is lost.", ge=0, le=1)
    kept: float = setting(0.5, "dropper: share of those that it has taken all the same.", ge=0, le=1)
    reply_s: Duration = setting(20, "tarpit: longest wait for a reply.", unit="s", ge=0)
    end_s: Duration = setting(60, "tarpit: longest wait for the last reply of a message.", unit="s", ge=0)
    breakage: Breakage = setting(Breakage.GARBAGE, "broken_tls: what comes instead of a handshake.")
    lie: Lie = setting(Lie.SIZE, "liar: what it offers and does not keep.")
    temporary: Shares = setting(
        {},
        "moody: share of 4yz replies by step, like { rcpt = 0.1 }; steps: greeting, hello, mail, rcpt, data, end.",
    )
    permanent: Shares = setting({}, "moody: the same of 5yz replies.")
    busy: float = setting(0.2, "store: share of recipients whose mailbox is locked just now.", ge=0, le=1)

    @model_validator(mode="after")
    def _knobs_belong_to_kind(self) -> Self:
        for kind, knobs in _WHOSE.items():
            alien = sorted(knobs & self.model_fields_set)
            if alien and kind != self.kind:
                raise ValueError(f'this one is kind = "{self.kind}": {alien[0]} is for kind = "{kind}"')
        if self.tls and self.kind == "broken_tls":
            raise ValueError('cannot do both: leave tls out, or give it another kind than "broken_tls"')
        return self


class TrafficSettings(Settings):
    """Honest clients of one sort."""

    node: str = setting("", "Which node they bring their mail to; empty: the first.")
    port: int = setting(0, "At which of its listeners; 0: the first.", ge=0, le=65_535)
    is_inside: bool = setting(
        True, "They come from an address that may relay (of the first of relay.networks), else from outside."
    )
    senders: tuple[Domain, ...] = setting(..., "Domains that they send from.", min_length=1)
    recipients: dict[Domain, float] = setting(
        ..., 'Domains that they send to, each with its weight, like { "example.org" = 2.0 }.', min_length=1
    )
    per_hour: float = setting(0.0, "People: messages an hour on average, whatever becomes of them.", ge=0)
    shape: Literal["even", "day"] = setting("even", '"day": few at night, many before and after noon.')
    clients: int = setting(
        0, "Programs: so many of them, each begins its next message when one is done.", ge=0
    )
    messages: int = setting(0, "Programs: so many messages in all; 0: as many as they can.", ge=0)
    pause_s: Duration = setting(0, "Programs: longest rest between two messages.", unit="s", ge=0)
    starts_s: Duration = setting(0, "When they begin.", unit="s", ge=0)
    size_low: Size = setting(600, "Smallest message.", unit="bytes", ge=1)
    size_high: Size = setting(40_000, "Largest message; small ones are more common.", unit="bytes", ge=1)
    most_recipients: int = setting(1, "Most recipients of one message.", ge=1, le=1000)
    bad_share: float = setting(0.0, "Share of recipients that do not exist.", ge=0, le=1)
    null_share: float = setting(0.0, "Share of messages from the null reverse-path.", ge=0, le=1)
    dsn_share: float = setting(0.0, "Share of recipients with a wish for notices.", ge=0, le=1)
    eight_bit_share: float = setting(0.0, "Share of messages with octets above 127.", ge=0, le=1)

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if bool(self.per_hour) == bool(self.clients):
            raise ValueError("comes from people or from programs: give it per_hour, or clients")
        if self.clients and not (self.messages or self.pause_s):
            raise ValueError("programs without a rest never end: give them messages, or pause_s")
        if self.size_low > self.size_high:
            raise ValueError("need size_low <= size_high")
        return self


class AbuserSettings(Settings):
    """A client that means no good: garbage, floods, half-open sessions, a slow drip, smuggled mail."""

    node: str = setting("", "Which node it troubles; empty: all.")
    recipient: Recipient = setting(..., "An address that the node takes mail for.")
    per_hour: float = setting(6.0, "How often it tries something, on average.", gt=0)


class FaultSettings(Settings):
    """Something that goes wrong."""

    kind: Literal[
        "crash", "power_cut", "disk_full", "slow_disk", "clock_step", "dns_outage", "partition", "offline"
    ] = setting(
        ..., "What: a partition parts a node from a stranger, offline takes one machine off the network."
    )
    node: str = setting("", "Which node; empty: the first.")
    domain: str = setting(
        "", "partition, offline: the stranger of this domain; offline without it: the node."
    )
    at_s: Duration = setting(0, "When it begins.", unit="s", ge=0)
    lasts_s: Duration = setting(
        60, "How long it lasts; after a crash: until the node is started again.", unit="s", gt=0
    )
    every_s: Duration = setting(0, "How often it comes again; 0: never.", unit="s", ge=0)
    slow_s: Duration = setting(1, "slow_disk: how much longer each job for the disk takes.", unit="s", gt=0)
    step_s: float = setting(3600.0, "clock_step: by how much the clock goes wrong; negative: back.", unit="s")
    how: Literal["servfail", "drop", "nxdomain"] = setting(
        "servfail", 'dns_outage: what is answered; "drop": nothing.'
    )


class LinkSettings(Settings):
    """What lies between any two machines."""

    latency_s: Duration = setting(0.02, "How long everything takes one way.", unit="s", ge=0)
    jitter_s: Duration = setting(0.01, "And at most so much longer.", unit="s", ge=0)
    rate_bytes: Size = setting(0, "How much passes in a second; 0: any amount.", unit="bytes/s", ge=0)
    loss: float = setting(0.0, "Share of datagrams that vanish.", ge=0, le=1)
    cut: float = setting(0.0, "Share of connections that are reset on their way.", ge=0, le=1)


class WorldNamesSettings(Settings):
    """The names of this world; what strangers need is there without saying."""

    delay_s: Duration = setting(0, "How long each answer takes.", unit="s", ge=0)
    records: dict[str, tuple[str, ...]] = setting(
        {}, 'More records, by name: { "example.org" = ["MX 10 mx.example.org"] }.'
    )


class ScenarioSettings(Settings):
    """A scenario: everything that a simulation is made of."""

    title: str = setting("", "One line that says what this is about.")
    days: float = setting(1.0, "How many simulated days it runs.", unit="days", gt=0, le=3650)
    seed: int = setting(1, "Where chance begins; the same seed gives the same run.", ge=0)
    node: dict[str, NodeSettings] = setting({}, "A mailrail; one table for each.")
    stranger: dict[Domain, StrangerSettings] = setting({}, "The mail server of a domain; one table for each.")
    traffic: tuple[TrafficSettings, ...] = setting((), "Honest clients; one table for each sort.")
    abuser: tuple[AbuserSettings, ...] = setting((), "Clients that mean no good; one table for each.")
    fault: tuple[FaultSettings, ...] = setting((), "What goes wrong; one table for each.")
    link: LinkSettings = setting(LinkSettings(), "What lies between any two machines.")
    dns: WorldNamesSettings = Field(
        default_factory=WorldNamesSettings, description="The names of this world."
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        if not self.node:
            raise ValueError("a scenario needs a mailrail: write [node.mx]")
        asked = [one.node for one in self.traffic]
        asked += [one.node for one in self.abuser]
        asked += [one.node for one in self.fault]
        for name in filter(None, asked):
            if name not in self.node:
                raise ValueError(f'there is no node "{name}": known are {", ".join(self.node)}')
        for fault in self.fault:
            if fault.domain and fault.domain not in self.stranger:
                raise ValueError(
                    f'there is no stranger "{fault.domain}": known are {", ".join(self.stranger)}'
                )
            if fault.kind == "partition" and not fault.domain:
                raise ValueError('a partition is between a node and a stranger: give it domain = "..."')
        return self

    def scaled(self, scale: float) -> "ScenarioSettings":
        """Return the same with *scale* times as much traffic."""
        changes: list[Any] = [
            one.model_copy(
                update={"per_hour": one.per_hour * scale, "messages": _scaled(one.messages, scale)}
            )
            for one in self.traffic
        ]
        return self.model_copy(update={"traffic": tuple(changes)})


def _scaled(count: int, scale: float) -> int:
    return max(round(count * scale), 1) if count else 0
