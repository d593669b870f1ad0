"""Whatever stands in a table or in an address field of a header:

- a target is read or is a BrokenTargetError, and what is not allowed is never read as a file, a program or a list;
- what mail then goes to is an address, or discard;
- an expansion ends, whatever the tables say of one another, within its bounds;
- replacing no address in a field changes nothing, and replacing each leaves as many as there were.
"""

from collections.abc import Iterator

from mailrail.addresses import Bounds, Expander, Expansion, Refusal
from mailrail.addresses.local_domain import LocalDomain, Names
from mailrail.addresses.questions import LookUp
from mailrail.addresses.targets import BrokenTargetError, ToAddress, ToAgent, parse_target
from mailrail.message import MailboxError, mailboxes, replace_mailboxes
from mailrail.model import Address, Notify, Recipient

_HERE = Address("name", "example.org")
_DOMAIN = LocalDomain(
    name="example.org", names=Names.LISTED, aliases=("t",), mailboxes=("t",), separators="+-"
)
_BOUNDS = Bounds(depth=5, recipients=20)


def check(data: bytes) -> None:
    text = data.decode("utf-8", "ignore")
    _check_target(text)
    _check_expansion(text.split("\n"))
    _check_field(data)


def _check_target(text: str) -> None:
    try:
        target = parse_target(text, _HERE, ())
    except BrokenTargetError:
        return
    assert isinstance(target, ToAddress) or target == ToAgent("discard")


def _check_expansion(lines: list[str]) -> None:
    """Take each line as a name, and the lines behind it as its targets."""
    table = {line.lower(): tuple(lines[number + 1 : number + 4]) for number, line in enumerate(lines[:50])}
    expander = Expander({"example.org": _DOMAIN}, frozenset({"example.org"}), _BOUNDS)
    for name in lines[:5]:
        recipient = Recipient(Address(name, "example.org"), Notify.SUCCESS | Notify.FAILURE)
        walk = expander.expand(recipient)
        try:
            question = next(walk)
            while True:
                assert isinstance(question, LookUp)
                question = walk.send(table.get(question.key.lower()))
        except StopIteration as done:
            resolved = done.value
        if isinstance(resolved, Refusal):
            assert not resolved.reply.is_positive
            continue
        assert isinstance(resolved, Expansion)
        assert 1 <= len(resolved.recipients) <= _BOUNDS.recipients
        assert all(step.depth <= _BOUNDS.depth for step in resolved.steps)
        assert not any(one.target.startswith(("|", "/", ":")) for one in resolved.recipients)


def _check_field(raw: bytes) -> None:
    try:
        before = mailboxes(raw)
    except MailboxError:
        return
    assert replace_mailboxes(raw, lambda address: address) == raw
    changed = replace_mailboxes(raw, lambda address: Address(address.local_part, "new.example"))
    assert mailboxes(changed) == tuple(Address(one.local_part, "new.example") for one in before)


def seeds() -> Iterator[bytes]:
    yield from (
        b"ann\nbob@example.net\n\\ann\n@example.net",
        b"a\nb\na+x\nc\nowner-a\n/dev/null",
        b"|/bin/sh\n/etc/passwd\n:include:/etc/shadow",
        b'"b o b"@example.org, Ann (the\r\n first) <ann@example.org>',
        b"us: ann@example.org,\r\n\tbob@example.net;",
        b'"ann@example.org"\n<ann>\npostmaster\nabuse',
    )
