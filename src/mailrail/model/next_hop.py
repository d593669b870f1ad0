"""Floor 0 · model — what a session with a next hop must be like: the words that the settings,
routing, delivery and the client library share.
"""

from dataclasses import dataclass
from enum import Enum


class TlsLevel(Enum):
    """How much TLS a next hop must give (the setting `tls`)."""

    NONE = "none"  # never: even if offered
    MAY = "may"  # opportunistic: if offered; any certificate; plain if the handshake fails
    ENCRYPT = "encrypt"  # TLS or nothing; any certificate
    VERIFY = "verify"  # TLS with a certificate that is good for the host's name, or nothing


@dataclass(frozen=True, slots=True)
class Login:
    """Credentials for a smarthost; never shown."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login(user={self.user!r}, password=...)"
