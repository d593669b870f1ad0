"""Floor 2 · server — the limits and deadlines of a listening server, for people to set."""

from mailrail.settings import Duration, Settings, Size, setting


class LimitSettings(Settings):
    """What a client may use up; implements `smtp.Limits`. Every excess gets its proper reply."""

    command_line_bytes: Size = setting(
        2048, "Octets of a command line.", unit="bytes", source="RFC 5321 §4.5.3.1.4", ge=512, le=65_536
    )
    auth_line_bytes: Size = setting(
        12_288, "Octets of a line in a SASL exchange.", unit="bytes", source="RFC 4954 §4", ge=2048, le=65_536
    )
    text_line_bytes: Size = setting(
        65_536, "Octets of a line in a message; 998 is what the standard promises, more is relayed unaltered.",
        unit="bytes", source="RFC 5321 §4.5.3.1.6", ge=998, le=16_777_216,
    )  # fmt: skip
    message_bytes: Size = setting(
        35 * 1024**2, "Octets of a message.", unit="bytes", source="RFC 1870", ge=65_536, le=2**40
    )
    header_bytes: Size = setting(
        256 * 1024,
        "Octets of a message's header section.",
        unit="bytes",
        source="practice",
        ge=16_384,
        le=2**24,
    )
    header_lines: int = setting(
        1000, "Lines of a message's header section.", unit="lines", source="practice", ge=100, le=100_000
    )
    hops: int = setting(
        50,
        "Received fields in a message before it counts as going round in a loop.",
        unit="fields",
        source="RFC 5321 §6.3",
        ge=10,
        le=1000,
    )
    recipients: int = setting(
        1000,
        "Recipients of one message.",
        unit="recipients",
        source="RFC 5321 §4.5.3.1.8",
        ge=100,
        le=100_000,
    )
    messages: int = setting(
        1000, "Messages of one session.", unit="messages", source="RFC 9422", ge=1, le=10**9
    )
    messages_of_strangers: int = setting(
        100,
        "Messages of one session of a stranger: no login, not from loopback nor a network that may relay.",
        unit="messages",
        source="RFC 9422",
        ge=1,
        le=10**9,
    )
    errors: int = setting(
        10,
        "Bad commands of one session before it is closed.",
        unit="commands",
        source="practice",
        ge=1,
        le=1000,
    )
    soft_errors: int = setting(
        5,
        "Bad commands of one session before each further one is answered late.",
        unit="commands",
        source="practice",
        ge=1,
        le=1000,
    )
    error_delay_s: Duration = setting(1.0, "How late that is.", unit="s", source="practice", ge=0, le=60)
    junk: int = setting(
        50,
        "Commands of one session that move no mail (NOOP, RSET, VRFY, EHLO) before it is closed.",
        unit="commands",
        source="practice",
        ge=5,
        le=10_000,
    )
    connections: int = setting(
        10_000,
        "Sessions at one time on this machine.",
        unit="sessions",
        source="practice",
        ge=1,
        le=1_000_000,
    )
    connections_per_client: int = setting(
        20,
        "Sessions at one time from one address (IPv6: one /64); loopback and networks that may relay are exempt.",
        unit="sessions",
        source="practice",
        ge=1,
        le=1_000_000,
    )
    connections_per_minute: int = setting(
        120,
        "New sessions a minute from one address (IPv6: one /64); loopback and networks that may relay are exempt.",
        unit="sessions a minute",
        source="practice",
        ge=1,
        le=10**9,
    )
    repair_line_ends: bool = setting(
        False,
        "Make a bare CR or LF inside a message CRLF instead of refusing the message.",
        source="RFC 5321 §2.3.8",
    )


class TimeoutSettings(Settings):
    """How long a client may take."""

    command_s: Duration = setting(
        300, "Between two commands.", unit="s", source="RFC 5321 §4.5.3.2.7", ge=1, le=3600
    )
    data_s: Duration = setting(
        180, "Between two pieces of a message.", unit="s", source="RFC 5321 §4.5.3.2.5", ge=1, le=3600
    )
    session_s: Duration = setting(
        1800,
        "A whole session; one that still moves mail may finish its message.",
        unit="s",
        source="practice",
        ge=10,
        le=86_400,
    )
    processing_s: Duration = setting(
        300,
        "Our own work after a command or the end of data, before the client is told to try later.",
        unit="s",
        source="RFC 5321 §4.5.3.2.6",
        ge=1,
        le=600,
    )
    write_s: Duration = setting(
        60, "A client that reads none of our replies.", unit="s", source="practice", ge=1, le=3600
    )
    handshake_s: Duration = setting(
        60, "A TLS handshake, or the header of a proxy.", unit="s", source="practice", ge=1, le=600
    )
    minimum_rate_bytes: Size = setting(
        500,
        "Octets a second that a message must arrive with, on average after its first minute.",
        unit="bytes/s",
        source="practice",
        ge=0,
        le=2**30,
    )
    drain_s: Duration = setting(
        30,
        "How long running transactions may go on after a request to stop.",
        unit="s",
        source="RFC 5321 §3.8",
        ge=0,
        le=3600,
    )


class ServerSettings(Settings):
    """A listening server."""

    limits: LimitSettings = setting(LimitSettings(), "What a client may use up.")
    timeouts: TimeoutSettings = setting(TimeoutSettings(), "How long a client may take.")
