"""Floor 2 · client — how long to wait for a peer.

The minima of RFC 5321 §4.5.3.2 are the defaults: a server may take that long in good faith.
"""

from mailrail.settings import Duration, Settings, setting
from mailrail.smtp import Stage


class ClientSettings(Settings):
    """Timeouts of a session with a next hop."""

    connect_s: Duration = setting(
        30.0, "Longest wait for a connection.", unit="s", source="Postfix smtp_connect_timeout", gt=0, le=3600
    )
    greeting_s: Duration = setting(
        300.0, "Longest wait for the greeting.", unit="s", source="RFC 5321 §4.5.3.2.1", gt=0, le=3600
    )
    hello_s: Duration = setting(
        300.0,
        "Longest wait for the reply to EHLO.",
        unit="s",
        source="Postfix smtp_helo_timeout",
        gt=0,
        le=3600,
    )
    tls_s: Duration = setting(
        60.0, "Longest time for STARTTLS or a TLS handshake, each.", unit="s", gt=0, le=3600
    )
    auth_s: Duration = setting(
        60.0, "Longest wait for a reply in a login.", unit="s", source="a person waits", gt=0, le=3600
    )
    mail_s: Duration = setting(
        300.0, "Longest wait for the reply to MAIL.", unit="s", source="RFC 5321 §4.5.3.2.2", gt=0, le=3600
    )
    rcpt_s: Duration = setting(
        300.0, "Longest wait for the reply to RCPT.", unit="s", source="RFC 5321 §4.5.3.2.3", gt=0, le=3600
    )
    data_s: Duration = setting(
        120.0, "Longest wait for the reply to DATA.", unit="s", source="RFC 5321 §4.5.3.2.4", gt=0, le=3600
    )
    content_s: Duration = setting(
        180.0,
        "Longest time for a block of the message to be taken.",
        unit="s",
        source="RFC 5321 §4.5.3.2.5",
        gt=0,
        le=3600,
    )
    end_s: Duration = setting(
        600.0,
        "Longest wait for the reply to the end of the message; shorter makes duplicates.",
        unit="s",
        source="RFC 5321 §4.5.3.2.6",
        gt=0,
        le=7200,
    )
    quit_s: Duration = setting(
        10.0, "Longest wait for the reply to QUIT, and to RSET.", unit="s", source="practice", ge=0, le=600
    )
    transaction_s: Duration = setting(
        3600.0,
        "Longest time for one message, however fast each single reply comes.",
        unit="s",
        source="a peer that answers one of a thousand recipients every 299 s",
        gt=0,
        le=86_400,
    )

    def by_stage(self) -> dict[Stage, float]:
        """Return the wait for each stage, in seconds."""
        return {
            Stage.CONNECT: self.connect_s,
            Stage.GREETING: self.greeting_s,
            Stage.HELLO: self.hello_s,
            Stage.TLS: self.tls_s,
            Stage.AUTH: self.auth_s,
            Stage.MAIL: self.mail_s,
            Stage.RCPT: self.rcpt_s,
            Stage.DATA: self.data_s,
            Stage.CONTENT: self.content_s,
            Stage.END: self.end_s,
            Stage.RSET: self.quit_s or 1.0,
            Stage.QUIT: self.quit_s,
        }
