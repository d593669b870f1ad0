"""Floor 4 · delivery — one transaction has one MAIL FROM: a parcel whose recipients have several is split by them. Pure.

Who is written to through a list gets its mail from the list's owner (RFC 5321 §3.9.2). For the list the message has arrived: what its
sender wished to hear of it (ENVID, RET, DELIVERBY) is not passed on with it (RFC 3461 §5.2.7.1). Who is written to because somebody forwards his
mail gets it from an address that leads back to the sender: to the sender it is still the same message, and all his wishes go with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mailrail.delivery.parcel import Parcel, Part
from mailrail.model import Address, Message, Recipient
from mailrail.spool import Lease

# The reverse-path with which the mail to a recipient leaves; for one that it has returned, the same.
LeavesAs = Callable[[Message, Recipient], Address | None]


def as_it_came(message: Message, recipient: Recipient) -> Address | None:
    """Return the reverse-path of the envelope, or of the list: nothing is rewritten."""
    return recipient.returns_to or message.envelope.reverse_path


def has_others(message: Message, recipients: Sequence[Recipient], leaves_as: LeavesAs) -> bool:
    """Tell whether *message* leaves to some of *recipients* with another reverse-path than the envelope's."""
    came_as = message.envelope.reverse_path
    for recipient in recipients:
        path = leaves_as(message, recipient)
        if path is not came_as and path != came_as:
            return True
    return False


def split(parcel: Parcel, leaves_as: LeavesAs) -> list[tuple[list[int], Part]]:
    """Return a parcel for each reverse-path, with the places of its recipients; each has its own as the envelope's."""
    lease = parcel.lease
    item, message = lease.item, lease.message
    envelope = message.envelope
    groups: dict[tuple[Address | None, bool], list[int]] = {}
    for place, one in enumerate(item.pending):
        recipient = envelope.recipients[one.index]
        is_of_list = recipient.returns_to is not None
        groups.setdefault((leaves_as(message, recipient), is_of_list), []).append(place)
    recipients = tuple(replace(one, returns_to=None, is_forwarded=False) for one in envelope.recipients)
    parts = []
    for (path, is_of_list), places in groups.items():
        own = replace(envelope, reverse_path=path, recipients=recipients)
        if is_of_list:
            own = replace(own, ret=None, envid="", deliver_by=None)
        pending = tuple(item.pending[place] for place in places)
        its_lease = Lease(replace(message, envelope=own), replace(item, pending=pending), lease.fence)
        parts.append((places, Part(its_lease, parcel.content, parcel.stepped_us)))
    return parts
