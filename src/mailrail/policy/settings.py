"""Floor 3 · policy — what is allowed how often, for people to set."""

from ipaddress import ip_network

from mailrail.settings import Duration, Network, Settings, setting


def _quota(what: str, span: str) -> int:
    default: int = setting(
        0, f"{what.capitalize()} {span}; 0: no limit.", unit=what, source="practice", ge=0, le=10**9
    )
    return default


class AmountSettings(Settings):
    """How much may be sent."""

    messages_per_hour: int = _quota("messages", "an hour")
    messages_per_day: int = _quota("messages", "a day")
    recipients_per_hour: int = _quota("recipients", "an hour, each recipient of each message counted")
    recipients_per_day: int = _quota("recipients", "a day, each recipient of each message counted")


class QuotaSettings(Settings):
    """How much those who log in may send."""

    user: AmountSettings = setting(AmountSettings(), "Each user, unless its record says otherwise.")
    domain: AmountSettings = setting(
        AmountSettings(), "All users together whose names are addresses in one domain."
    )


class SubmissionSettings(Settings):
    """As whom those who log in may send."""

    check_sender: bool = setting(
        True,
        "The envelope's sender must be an address of the user: its name, or what its record says (553).",
        source="RFC 6409 §6.1",
    )
    check_from: bool = setting(
        True, "Everybody whom From and Sender name must be one too (550).", source="RFC 6409 §6.1"
    )


class GuessingSettings(Settings):
    """What slows down and stops those who guess passwords."""

    first_delay_s: Duration = setting(
        1.0,
        "A failed login is answered this long after it came, and each further one of a client twice as late.",
        unit="s",
        source="practice",
        ge=0,
        le=60,
    )
    longest_delay_s: Duration = setting(
        15.0, "The latest that it is answered.", unit="s", source="practice", ge=0, le=120
    )
    session_failures: int = setting(
        3, "Failed logins of one session before it is closed.", unit="logins", source="practice", ge=1, le=100
    )
    span_s: Duration = setting(
        3600, "In how long the next three count.", unit="s", source="practice", ge=60, le=604_800
    )
    client_failures: int = setting(
        10,
        "Failed logins of one address (IPv6: one /64) before it is locked out.",
        unit="logins",
        source="practice",
        ge=1,
        le=1_000_000,
    )
    network_failures: int = setting(
        100,
        "Failed logins of one network (/24, IPv6: /48) before it is locked out.",
        unit="logins",
        source="practice",
        ge=1,
        le=1_000_000,
    )
    account_failures: int = setting(
        20,
        "Failed logins for one account before it is locked, but not for networks from which it logs in.",
        unit="logins",
        source="practice",
        ge=1,
        le=1_000_000,
    )
    exempt: tuple[Network, ...] = setting(
        (ip_network("127.0.0.0/8"), ip_network("::1/128")),
        "Networks that are never locked out, beside those of relay.networks: a webmail logs in for everybody.",
    )
