"""Floor 0 · model — what a session with a next hop must be like: the words that the settings,
routing, delivery and the client library share.
"""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class TlsLevel(Enum):
    """How much TLS a next hop must give (the setting `tls`)."""

    NONE = "none"  # never: even if offered
    MAY = "may"  # opportunistic: if offered; any certificate; plain if the handshake fails
    ENCRYPT = "encrypt"  # TLS or nothing; any certificate
    VERIFY = "verify"  # TLS with a certificate that is good for the host's name, or nothing


@dataclass(frozen=True, slots=True)
class Login:
    """Credentials for a server; its secrets are never shown.

    Attributes:
        user: login name; "" where token or certificate say it all.
        password: the password, or "".
        token: an OAuth 2.0 access token instead of a password (RFC 6750), or "".
        token_file: file whose first line is the token; read again for each session, for tokens live but an hour.
        mechanisms: SASL mechanisms that may be used; empty: the strongest that fits password or token.
            EXTERNAL, which uses the TLS certificate, is only used if it stands here.
    """

    user: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    mechanisms: tuple[str, ...] = ()
