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
        messages_of_strangers: the same for strangers, where it is less; None makes no difference.
        has_tls: STARTTLS can be done.
        auth_mechanisms: SASL mechanisms, strongest first; shown only under TLS (RFC 4954 §4).
        has_requiretls: REQUIRETLS is taken; shown only under TLS (RFC 8689 §2).
        has_mt_priority: MT-PRIORITY is taken (RFC 6710); which values of it, the handler says.
        deliver_by_s: the shortest time in which a message may have to be delivered or returned (RFC 2852 §2); 0: nothing
            of the kind is offered.
        future_release_s: for how long messages may be kept back for their senders (RFC 4865); 0: not at all. Its line names
            a time too, so each session says it itself.
        may_auth_in_clear: show them without TLS all the same.
    """

    hostname: str
    size_bytes: int
    recipients: int
    messages: int
    has_tls: bool = False
    auth_mechanisms: tuple[str, ...] = ()
    may_auth_in_clear: bool = False
    messages_of_strangers: int | None = None
    has_requiretls: bool = False
    has_mt_priority: bool = False
    deliver_by_s: int = 0
    future_release_s: int = 0

    def shows_auth(self, *, is_tls: bool) -> bool:
        """Tell whether AUTH is offered."""
        return bool(self.auth_mechanisms) and (is_tls or self.may_auth_in_clear)

    def most_messages(self, *, is_stranger: bool) -> int:
        """Return after how many messages a session ends."""
        if not is_stranger or self.messages_of_strangers is None:
            return self.messages
        return min(self.messages, self.messages_of_strangers)

    def lines(self, *, is_tls: bool, is_stranger: bool = False) -> tuple[str, ...]:
        """Return the extension lines, without the host name before them."""
        messages = min(self.most_messages(is_stranger=is_stranger), _LARGEST_LIMIT)
        lines = [
            "PIPELINING",
            f"SIZE {self.size_bytes}",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "BINARYMIME",
            "ENHANCEDSTATUSCODES",
            "DSN",
            f"LIMITS RCPTMAX={min(self.recipients, _LARGEST_LIMIT)} MAILMAX={messages}",
        ]
        if self.has_tls and not is_tls:
            lines.append("STARTTLS")
        if self.has_requiretls and is_tls:
            lines.append("REQUIRETLS")
        if self.deliver_by_s:
            lines.append(f"DELIVERBY {self.deliver_by_s}")
        if self.has_mt_priority:
            lines.append("MT-PRIORITY")  # RFC 6710 §9.2: without a name it is the policy of Appendix B
        if self.shows_auth(is_tls=is_tls):
            lines.append(f"AUTH {' '.join(self.auth_mechanisms)}")
        return tuple(lines)


@dataclass(frozen=True, slots=True)
class Offers:
    """The forms of an offer, ready for the wire and for the parameter check.

    Made once for each listener, so that a session costs nothing here.

    Attributes:
        fewest_messages: so many messages everybody may send in a session, strangers too.
    """

    offer: Offer
    plain: Reply
    in_clear: Reply
    under_tls: Reply
    to_strangers_in_clear: Reply
    to_strangers_under_tls: Reply
    keywords_in_clear: frozenset[str]
    keywords_under_tls: frozenset[str]
    fewest_messages: int

    @classmethod
    def of(cls, offer: Offer) -> "Offers":
        """Prepare *offer*."""

        def reply(*, is_tls: bool, is_stranger: bool) -> Reply:
            lines = offer.lines(is_tls=is_tls, is_stranger=is_stranger)
            return say.HELLO.with_text("\n".join((offer.hostname, *lines)))

        def keywords(*, is_tls: bool) -> frozenset[str]:
            found = {line.split(" ")[0] for line in offer.lines(is_tls=is_tls)}
            return frozenset(found | {"FUTURERELEASE"} if offer.future_release_s else found)

        return cls(
            offer,
            plain=say.HELLO.with_text(offer.hostname),
            in_clear=reply(is_tls=False, is_stranger=False),
            under_tls=reply(is_tls=True, is_stranger=False),
            to_strangers_in_clear=reply(is_tls=False, is_stranger=True),
            to_strangers_under_tls=reply(is_tls=True, is_stranger=True),
            keywords_in_clear=keywords(is_tls=False),
            keywords_under_tls=keywords(is_tls=True),
            fewest_messages=offer.most_messages(is_stranger=True),
        )

    def hello(self, *, is_tls: bool, is_stranger: bool) -> Reply:
        """Return the answer to EHLO."""
        if is_stranger:
            return self.to_strangers_under_tls if is_tls else self.to_strangers_in_clear
        return self.under_tls if is_tls else self.in_clear
