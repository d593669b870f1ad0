"""Floor 2 · client — what a sender wishes for a message: said to a server that knows how, or not sent at all.

Wishes for notices are passed over where a server does not offer DSN, for the message arrives all the same. The others are demands: a
sender who wants TLS at every hop, or the message on Monday, is not served by a server that does something else.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailrail.model import DeliverBy, Hold, Notify, Ret, instant_text
from mailrail.smtp import Extensions

MOST_HOLD_S = 999_999_999  # RFC 4865 §3: nine digits
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """Wishes for a message.

    Attributes:
        notify: when to be told (RFC 3461); this and the next two are said only to a server that offers DSN.
        ret: how much of the message comes back with a notice.
        envid: a name of yours that comes back with it, 1 to 100 printable ASCII characters.
        requiretls: every hop must be under verified TLS and promise the same (RFC 8689); the client's own session too.
        hold_for_s: the server keeps the message back for so many seconds (RFC 4865), 1 to 999,999,999; 0: not.
        hold_until: the server keeps it back until then, a time with a zone; None: not.
        priority: -9 to 9, the highest goes first (RFC 6710); None: as the server thinks.
        deliver_by: deliver it within a time, or return it or tell (RFC 2852); None: no time is given.

    Raises:
        ValueError: one of them cannot be, or two exclude one another.
    """

    notify: Notify = Notify.DEFAULT
    ret: Ret | None = None
    envid: str = ""
    requiretls: bool = False
    hold_for_s: int = 0
    hold_until: datetime | None = None
    priority: int | None = None
    deliver_by: DeliverBy | None = None

    def __post_init__(self) -> None:
        by = self.deliver_by
        if self.priority is not None and not -9 <= self.priority <= 9:
            raise ValueError(f"priority={self.priority}: it is from -9 to 9 (RFC 6710 §3)")
        if not 0 <= self.hold_for_s <= MOST_HOLD_S:
            raise ValueError(
                f"hold_for_s={self.hold_for_s}: it is from 1 to {MOST_HOLD_S} seconds (RFC 4865 §3)"
            )
        if self.hold_until is not None and self.hold_until.tzinfo is None:
            raise ValueError(f"hold_until={self.hold_until} names no time zone: nobody knows when that is")
        if self.hold_for_s and self.hold_until is not None:
            raise ValueError("hold_for_s and hold_until exclude one another (RFC 4865 §4.1)")
        if by is not None and by.returns and by.is_over:
            raise ValueError(f"deliver_by={by}: what is to be returned needs a time above 0 (RFC 2852 §4)")
        if by is not None and by.by_s < self.hold_for_s:
            raise ValueError("the message would be kept back for longer than it may take (RFC 4865 §5.2.1)")

    @property
    def hold(self) -> Hold | None:
        """How the server is asked to keep the message back."""
        if self.hold_until is not None:
            return Hold(until_us=(self.hold_until - _EPOCH) // timedelta(microseconds=1))
        return Hold(for_s=self.hold_for_s) if self.hold_for_s else None

    @property
    def asks_for_notices(self) -> bool:
        """Whether there is a wish for notices."""
        return self.notify is not Notify.DEFAULT or self.ret is not None or bool(self.envid)


def lack(options: SendOptions, extensions: Extensions, *, is_verified: bool) -> str:
    """Say what a server does not do that is demanded; "" if it does all.

    Args:
        is_verified: the session is under TLS, and the certificate is good for the server's name.
    """
    offered = extensions.keywords
    if options.requiretls and not is_verified:
        return 'the session is not under verified TLS, as REQUIRETLS wants it: give the client tls="verify"'
    demanded = {
        "REQUIRETLS": options.requiretls,
        "FUTURERELEASE": options.hold is not None,
        "MT-PRIORITY": options.priority is not None,
        "DELIVERBY": options.deliver_by is not None,
    }
    missing = [keyword for keyword, is_demanded in demanded.items() if is_demanded and keyword not in offered]
    if missing:
        return f"the server does not offer {', '.join(missing)}"
    return _beyond(options, extensions)


def _beyond(options: SendOptions, extensions: Extensions) -> str:
    """Say which number is outside of what the server said it does."""
    by, hold = options.deliver_by, options.hold
    if by is not None and by.returns and by.by_s < extensions.deliver_by_s:
        return f"the server promises no delivery within {by.by_s} s, but within {extensions.deliver_by_s} s"
    if hold is not None and hold.for_s > extensions.hold_most_s:
        return f"the server keeps no message back for {hold.for_s} s, but for {extensions.hold_most_s} s"
    if hold is not None and hold.until_us > extensions.hold_latest_us:
        latest = instant_text(extensions.hold_latest_us)
        return f"the server keeps no message back until {instant_text(hold.until_us)}, but until {latest}"
    return ""
