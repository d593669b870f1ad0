"""Floor 1 · smtp — what a server offers in its answer to EHLO (RFC 5321 §4.1.1.1)."""

from dataclasses import dataclass
from typing import Final

from mailrail.model import Reply
from mailrail.model import reply as say

_LARGEST_LIMIT: Final = 999_999  # RFC 9422 §3: at most six digits


@dataclass(frozen=True, slots=True)
class Offer:
    """What this listener can do, before a session adds its own circumstances.

    Attributes:
        hostname: our own name, said in the greeting.
        size_bytes: largest message, for SIZE (RFC 1870).
        recipients: RCPTMAX of LIMITS (RFC 9422).
        messages: MAILMAX of LIMITS (RFC 9422).
        has_tls: STARTTLS can be done.
        auth_mechanisms: SASL mechanisms, strongest first; shown only under TLS (RFC 4954 §4).
        may_auth_in_clear: show them without TLS all the same.
    """

    hostname: str
    size_bytes: int
    recipients: int
    messages: int
    has_tls: bool = False
    auth_mechanisms: tuple[str, ...] = ()
    may_auth_in_clear: bool = False

    def shows_auth(self, *, is_tls: bool) -> bool:
        """Tell whether AUTH is offered."""
        return bool(self.auth_mechanisms) and (is_tls or self.may_auth_in_clear)

    def lines(self, *, is_tls: bool) -> tuple[str, ...]:
        """Return the extension lines, without the host name before them."""
        lines = [
            "PIPELINING",
            f"SIZE {self.size_bytes}",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "BINARYMIME",
            "ENHANCEDSTATUSCODES",
            "DSN",
            f"LIMITS RCPTMAX={min(self.recipients, _LARGEST_LIMIT)} MAILMAX={min(self.messages, _LARGEST_LIMIT)}",
        ]
        if self.has_tls and not is_tls:
            lines.append("STARTTLS")
        if self.shows_auth(is_tls=is_tls):
            lines.append(f"AUTH {' '.join(self.auth_mechanisms)}")
        return tuple(lines)


@dataclass(frozen=True, slots=True)
class Offers:
    """The forms of an offer, ready for the wire and for the parameter check.

    Made once for each listener, so that a session costs nothing here.
    """

    offer: Offer
    plain: Reply
    in_clear: Reply
    under_tls: Reply
    keywords_in_clear: frozenset[str]
    keywords_under_tls: frozenset[str]

    @classmethod
    def of(cls, offer: Offer) -> "Offers":
        """Prepare *offer*."""
        replies = []
        keywords = []
        for is_tls in (False, True):
            lines = offer.lines(is_tls=is_tls)
            replies.append(say.HELLO.with_text("\n".join((offer.hostname, *lines))))
            keywords.append(frozenset(line.split(" ")[0] for line in lines))
        return cls(
            offer, say.HELLO.with_text(offer.hostname), replies[0], replies[1], keywords[0], keywords[1]
        )
