"""Floor 5 · config — who may relay without a login.

The default is nobody, loopback included: an open relay must be an act of will (A31).
"""

from mailrail.settings import Network, Settings, setting


class RelaySettings(Settings):
    """Who may send mail to anywhere."""

    networks: tuple[Network, ...] = setting(
        (), "Networks whose clients may relay without a login; nobody by default.", source="RFC 5321 §7.9"
    )
