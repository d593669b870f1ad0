"""Floor 4 · delivery — what can be set about one try."""

from ipaddress import IPv4Address, IPv6Address

from mailrail.settings import Duration, Settings, setting


class DeliverySettings(Settings):
    """Delivery: `[delivery]`."""

    max_endpoints: int = setting(
        5, "Addresses tried for one message before it waits for its next turn.",
        unit="addresses", source="Postfix smtp_mx_address_limit", ge=1, le=50,
    )  # fmt: skip
    plain_fallback: bool = setting(
        True, "Where TLS is only wished for (tls = may), go on in the clear if the handshake fails.",
        source="RFC 7435 §3",
    )  # fmt: skip
    session_messages: int = setting(
        1000, "Messages over one connection before a new one is made.", unit="messages", ge=1, le=1_000_000
    )
    session_s: Duration = setting(
        300, "Age of a connection after which no further message is begun on it.",
        unit="s", source="Postfix smtp_connection_reuse_time_limit: 300", gt=0, le=86_400,
    )  # fmt: skip
    avoid_s: Duration = setting(
        60, "An address that did not answer is tried last for this long.", unit="s", ge=0, le=3600
    )
    source_ipv4: IPv4Address | None = setting(None, "Connect from this address to IPv4 hosts.")
    source_ipv6: IPv6Address | None = setting(None, "Connect from this address to IPv6 hosts.")
