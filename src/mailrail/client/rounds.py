"""Floor 2 · client — which recipients go into one transaction, when the peer does not take all at once."""

from collections.abc import Sequence

from mailrail.model import Recipient, Reply
from mailrail.smtp import Extensions


def fits_one_round(recipients: Sequence[Recipient], extensions: Extensions) -> bool:
    """Tell, cheaply, whether the peer surely takes all *recipients* in one transaction."""
    return (extensions.rcpt_max is None or len(recipients) <= extensions.rcpt_max) and (
        extensions.rcpt_domain_max is None or len(recipients) == 1
    )


def take_round(
    waiting: Sequence[int], recipients: Sequence[Recipient], extensions: Extensions
) -> tuple[list[int], list[int]]:
    """Divide *waiting* into what one transaction may have and what must wait for the next (RFC 9422 §4).

    Args:
        waiting: indexes into *recipients*, at least one.

    Returns:
        Both lists in order; the first is never empty.
    """
    now: list[int] = []
    later: list[int] = []
    domains: set[str] = set()
    rcpt_max = extensions.rcpt_max or len(waiting)
    domain_max = extensions.rcpt_domain_max or len(waiting)
    for index in waiting:
        domain = recipients[index].forward_path.domain
        if len(now) < rcpt_max and (domain in domains or len(domains) < domain_max):
            domains.add(domain)
            now.append(index)
        else:
            later.append(index)
    return now, later


def is_surplus(reply: Reply) -> bool:
    """Tell whether RCPT said "too many recipients": the rest may be sent at once in another transaction.

    552 meant that too, long ago (RFC 5321 §4.5.3.1.10); today it says "mailbox full" more often, so
    only its enhanced code is believed.
    """
    return reply.enhanced_code in ("4.5.3", "5.5.3") or (reply.code == 452 and not reply.enhanced_code)
