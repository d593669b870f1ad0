"""Floor 4 · delivery — one transaction has one MAIL FROM: a parcel whose recipients have several is split by them. Pure.

Who is written to through a list gets its mail from the list's owner (RFC 5321 §3.9.2). For the list the message has arrived: what its
sender wished to hear of it (ENVID, RET) is not passed on with it (RFC 3461 §5.2.7.1).
"""

from dataclasses import replace

from mailrail.delivery.parcel import Parcel, Part
from mailrail.model import Address


def has_several(parcel: Parcel) -> bool:
    """Tell whether some recipient has another reverse-path than the envelope."""
    recipients = parcel.lease.message.envelope.recipients
    if len(recipients) == 1:
        return recipients[0].returns_to is not None
    return any(recipients[one.index].returns_to is not None for one in parcel.lease.item.pending)


def split(parcel: Parcel) -> list[tuple[list[int], Part]]:
    """Return a parcel for each reverse-path, with the places of its recipients; each has its own as the envelope's."""
    lease = parcel.lease
    item, message = lease.item, lease.message
    envelope = message.envelope
    groups: dict[Address | None, list[int]] = {}
    for place, one in enumerate(item.pending):
        groups.setdefault(envelope.recipients[one.index].returns_to, []).append(place)
    recipients = tuple(replace(one, returns_to=None) for one in envelope.recipients)
    parts = []
    for returns_to, places in groups.items():
        own = replace(envelope, recipients=recipients)
        if returns_to is not None:
            own = replace(own, reverse_path=returns_to, ret=None, envid="")
        pending = tuple(item.pending[place] for place in places)
        its_lease = replace(
            lease, message=replace(message, envelope=own), item=replace(item, pending=pending)
        )
        parts.append((places, Part(its_lease, parcel.content)))
    return parts
