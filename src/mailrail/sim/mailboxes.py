"""Floor 5 · sim — what lies in the mailboxes on a node's disk at the end, as if strangers had taken it.

A Maildir file has the queue id in its name, so there is never a second one of it. In an mbox there may be, where the node died before it could
write down that the first was there; so nobody is sure of those.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from mailrail.agents import Kind
from mailrail.sim.node import Node
from mailrail.sim.platter import SimDirectory, SimFile
from mailrail.sim.strangers import Fate, Handover

_MAILBOXES: Final = (Kind.MAILDIR, Kind.MBOX)
_FRONT: Final = re.compile(
    rb"Return-Path: <(?P<sender>[^>\n]*)>\n(?:X-Original-To: [^\n]*\n)?Delivered-To: (?P<recipient>[^\n]*)\n"
)
_QUOTED: Final = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_FROM: Final = re.compile(rb"(?:\A|(?<=\n))From [^\n]*\n")
_PARTS: Final = frozenset({"tmp", "new", "cur"})


def kept_in_mailboxes(node: Node) -> Iterator[tuple[Handover, bytes]]:
    """Yield what the agents of *node* have put into mailboxes, with CRLF line ends."""
    if not any(agent.kind in _MAILBOXES for agent in node.settings.agent.values()):
        return
    now_s = asyncio.get_running_loop().time()
    for content, is_single in _messages(node.disk.root, PurePosixPath("/"), str(node.settings.spool.path)):
        front = _FRONT.match(content)
        sender, recipient = (front["sender"], front["recipient"]) if front else (b"", b"")
        handover = Handover(
            now_s,
            f"a mailbox of {node.name}",
            next(iter(node.machine.addresses), ""),
            sender.decode(),
            ((recipient.decode(), ""),),
            Fate.READ if is_single else Fate.UNSAID,
            now_s,
        )
        yield handover, content[front.end() if front else 0 :].replace(b"\n", b"\r\n")


def _messages(directory: SimDirectory, path: PurePosixPath, spool: str) -> Iterator[tuple[bytes, bool]]:
    """Yield each message below *directory*, and whether it can be there but once."""
    if str(path) == spool:
        return
    is_maildir = directory.names.keys() >= _PARTS
    for name, node in directory.names.items():
        if isinstance(node, SimDirectory):
            if is_maildir and name in ("new", "cur"):
                yield from (
                    (bytes(one.content), True) for one in node.names.values() if isinstance(one, SimFile)
                )
            elif not (is_maildir and name == "tmp"):
                yield from _messages(node, path / name, spool)
        elif not is_maildir and node.content.startswith(b"From "):
            begins = [*_FROM.finditer(bytes(node.content))]
            ends = [*(one.start() for one in begins[1:]), len(node.content)]
            for begin, end in zip(begins, ends, strict=True):
                yield _QUOTED.sub(b"", bytes(node.content[begin.end() : end])).removesuffix(b"\n"), False
