"""Floor 3 · spool — which items an operator's Filter means.

Addresses are compared without regard to case: an operator types what he sees. The memory
spool asks `matches`; the SQLite spool asks the same of its columns with `where`. The
contract suite holds the two together.
"""

from mailrail.model import Address, AddressError, Item, Message, parse_address, parse_domain, parse_id
from mailrail.spool.api import Filter

NULL_SENDER = "<>"
Parameter = str | int | bytes | None


def sender_text(message: Message) -> str:
    """Return the sender as it is searched for."""
    sender = message.envelope.reverse_path
    return NULL_SENDER if sender is None else sender.folded


def recipients_text(message: Message, item: Item) -> str:
    r"""Return the pending recipients as they are searched for, each between "\n"."""
    recipients = message.envelope.recipients
    paths = [recipients[one.index].forward_path.folded for one in item.pending]
    return "\n{}\n".format("\n".join(paths))


def matches(wanted: Filter, message: Message, item: Item) -> bool:
    """Tell whether *wanted* means this item."""
    if wanted.queue_ids and message.queue_id not in wanted.queue_ids:
        return False
    if wanted.destination and item.destination != wanted.destination:
        return False
    if wanted.held is not None and item.held is not wanted.held:
        return False
    if wanted.untried_until_us and not item.attempts and item.due_us > wanted.untried_until_us:
        return False
    if wanted.sender and _needle(wanted.sender) not in f"\n{sender_text(message)}\n":
        return False
    return not wanted.recipient or _needle(wanted.recipient) in recipients_text(message, item)


def where(wanted: Filter) -> tuple[str, list[Parameter]]:
    """Return the same question as an SQL condition on table `item`, with its parameters."""
    terms: list[str] = []
    parameters: list[Parameter] = []
    if wanted.queue_ids:
        ids = [number for number in map(_number, wanted.queue_ids) if number is not None]
        terms.append("message_id IN (SELECT value FROM json_each(?))")
        parameters.append(str(ids))
    if wanted.destination:
        terms.append("destination = ?")
        parameters.append(wanted.destination)
    if wanted.held is not None:
        terms.append("held = ?")
        parameters.append(int(wanted.held))
    if wanted.untried_until_us:
        terms.append("(attempts > 0 OR due_us <= ?)")
        parameters.append(wanted.untried_until_us)
    if wanted.sender:
        terms.append("instr(char(10) || sender || char(10), ?)")
        parameters.append(_needle(wanted.sender))
    if wanted.recipient:
        terms.append("instr(recipients, ?)")
        parameters.append(_needle(wanted.recipient))
    return " AND ".join(terms) or "TRUE", parameters


def _needle(text: str) -> str:
    r"""Return what must stand in "\naddress\n": a whole line, or the end of one for a domain."""
    if text == NULL_SENDER:
        return f"\n{NULL_SENDER}\n"
    try:
        if "@" not in text:
            return f"@{parse_domain(text)}\n"
        address = parse_address(text)
    except AddressError:
        # Not an address as it stands; look for it literally, so that nothing else is meant.
        local_part, _, domain = text.rpartition("@")
        address = Address(local_part, domain)
    return f"\n{address.folded}\n"


def _number(queue_id: str) -> int | None:
    try:
        return parse_id(queue_id)
    except ValueError:
        return None
