"""Floor 4 · delivery — when a host may have mail without TLS after all: where TLS was only wished for, and is what failed. Pure."""

from typing import Final

from mailrail.client import SessionFailed, SessionTerms
from mailrail.delivery.settings import DeliverySettings
from mailrail.model import NetTrouble, TlsLevel
from mailrail.smtp import Stage

# A handshake that ended like this may go better without TLS.
_NO_TLS: Final = frozenset({NetTrouble.TLS, NetTrouble.RESET, NetTrouble.TIMEOUT})


def may_do_without_tls(terms: SessionTerms, error: SessionFailed, settings: DeliverySettings) -> bool:
    """Tell whether TLS was only wished for, and is what failed."""
    is_about_tls = error.stage is Stage.TLS and error.trouble in _NO_TLS
    # With a login there is more to lose than the privacy of one message.
    is_wish = terms.tls is TlsLevel.MAY and terms.login is None
    return is_about_tls and is_wish and settings.plain_fallback


def plain(terms: SessionTerms) -> SessionTerms:
    """Return *terms* without TLS, for a second chance."""
    return SessionTerms(hello_name=terms.hello_name, role=terms.role, tls=TlsLevel.NONE, source=terms.source)
