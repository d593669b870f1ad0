"""Floor 3 · policy — what is allowed how often, for people to set."""

from ipaddress import ip_network

from mailrail.settings import Duration, Network, Settings, setting


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
