"""One agent on a simulated or a real disk, and mail for it, in virtual time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailrail.agents.accounts import Account, NoAccountError
from mailrail.agents.api import Agent, Letter
from mailrail.agents.courier import make_agent
from mailrail.agents.identity import Identity
from mailrail.agents.scribe import LocalScribe
from mailrail.agents.settings import AgentSettings
from mailrail.agents.threads import Threads
from mailrail.agents.tools import Tools
from mailrail.client import WholeSource
from mailrail.model import Envelope, Message, Outcome, Recipient, format_id, parse_address
from mailrail.sim import START_US, Mount, SimClock, SimDisk, seeded, simulate
from mailrail.spool import SMALL_BYTES, Disk

CONTENT = b"From: ann@example.com\r\nSubject: x\r\n\r\nhello\r\nFrom here on\r\n"
UID = 1000


def accounts(name: str) -> Account:
    """Know two accounts, and nobody else."""
    known = {"1000": "rail", "rail": "rail", "bob": "bob"}
    if name not in known:
        raise NoAccountError(f"there is no account {name!r}")
    return Account(known[name], UID, UID, f"/home/{known[name]}")


class FileSource(WholeSource):
    """Content that is in a file, and not in memory."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.content = content
        self.whole = None

    async def read(self, offset: int, length: int, /) -> bytes:
        return self.content[offset : offset + length]


@dataclass
class Desk:
    """What a test of an agent touches."""

    settings: AgentSettings
    disk: Disk = field(default_factory=lambda: Mount(SimDisk(seeded())))
    began_us: int = START_US
    uid: int = UID
    separators: str = "+"

    def agent(self) -> Agent:
        """Make the agent; in a running loop."""
        threads = Threads()
        scribe = LocalScribe(threads, self.disk)
        identity = Identity(self.uid, accounts)
        tools = Tools(
            threads, SimClock(), identity, "mx.example",
            lambda _: self.separators, lambda _: scribe, self.began_us,
        )  # fmt: skip
        return make_agent(self.settings, tools)

    def deliver(
        self, *recipients: str | Recipient, content: bytes = CONTENT, number: int = 1
    ) -> list[Outcome]:
        """Deliver one message and return what became of it."""
        return simulate(self.try_once(letter(*recipients, content=content, number=number)))

    async def try_once(self, one: Letter) -> list[Outcome]:
        """Deliver *one* by an agent of its own."""
        agent = self.agent()
        try:
            return list(await agent.deliver(one))
        finally:
            agent.close()


def letter(
    *recipients: str | Recipient,
    content: bytes = CONTENT,
    number: int = 1,
    sender: str | None = "ann@example.com",
) -> Letter:
    """Return a message for *recipients*."""
    targets = tuple(
        one if isinstance(one, Recipient) else Recipient(parse_address(one))
        for one in recipients or ("bob@example.org",)
    )
    envelope = Envelope(parse_address(sender) if sender else None, targets)
    message = Message(format_id(number << 12), START_US, envelope, len(content))
    source = WholeSource(content) if len(content) <= SMALL_BYTES else FileSource(content)
    return Letter(message, source, tuple(range(len(targets))))


def replies(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what each outcome is, and why, in short."""
    return [f"{type(one).__name__} {one.reply.code} {one.reply.enhanced_code}" for one in outcomes]


def read(disk: Disk, path: Path) -> bytes:
    """Return a file."""
    fd = disk.open(path)
    try:
        return disk.read(fd, 10_000_000, 0)
    finally:
        disk.close(fd)


def put(disk: Disk, path: Path, content: bytes) -> None:
    """Write a file."""
    fd = disk.create(path)
    disk.write(fd, memoryview(content))
    disk.close(fd)


def mailbox(disk: Disk, path: str, part: str = "new") -> list[bytes]:
    """Return the messages in one part of a Maildir."""
    place = Path(path) / part
    return [read(disk, place / name) for name in sorted(disk.names(place))]
