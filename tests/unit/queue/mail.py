"""Messages and leases for tests of the queue."""

from mailrail.model import (
    Address,
    Blame,
    Deferred,
    DeliverBy,
    Delivered,
    Envelope,
    Failed,
    Hold,
    Item,
    Message,
    Pending,
    QueueId,
    Recipient,
    Reply,
    format_id,
)
from mailrail.sim import START_US
from mailrail.spool import Lease

OK = Delivered(Reply(250, "2.0.0", "Queued"), "mx.example.org")
NOT_NOW = Deferred(Blame.RECIPIENT, Reply(451, "4.7.1", "Greylisted"), "mx.example.org")
HOST_DOWN = Deferred(Blame.HOST, Reply(451, "4.4.1", "No answer"), "")
OURS = Deferred(Blame.OURSELVES, Reply(451, "4.4.3", "No DNS"), "")
NEVER = Failed(Blame.RECIPIENT, Reply(550, "5.1.1", "No such user"), "mx.example.org")


def queue_id(number: int) -> QueueId:
    return format_id(number << 12)


def message(
    number: int = 1,
    *,
    sender: str | None = "alice",
    recipients: int = 1,
    arrived_us: int = START_US,
    domain: str = "example.org",
    size_bytes: int = 5,
    priority: int = 0,
    deliver_by: DeliverBy | None = None,
    hold: Hold | None = None,
) -> Message:
    return Message(
        queue_id(number),
        arrived_us,
        Envelope(
            Address(sender, "example.com") if sender is not None else None,
            tuple(Recipient(Address(f"rcpt{n}", domain)) for n in range(recipients)),
            priority=priority,
            deliver_by=deliver_by,
            hold=hold,
        ),
        size_bytes,
    )


def item(of: Message, destination: str = "", *, attempts: int = 0, warned: bool = False) -> Item:
    recipients = of.envelope.recipients
    return Item(
        of.queue_id,
        destination or f"mx:{recipients[0].forward_path.domain}",
        tuple(Pending(index) for index in range(len(recipients))),
        attempts,
        of.arrived_us,
        warned,
    )


def lease(of: Message, *, attempts: int = 0, warned: bool = False) -> Lease:
    return Lease(of, item(of, attempts=attempts, warned=warned), 1)
