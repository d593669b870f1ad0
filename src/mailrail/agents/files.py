"""Floor 4 · agents — Maildir and mbox: whose mailbox, where, as whom, and then the writing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from mailrail.agents import classify
from mailrail.agents.accounts import Account, NoAccountError
from mailrail.agents.api import Letter
from mailrail.agents.binary import as_text
from mailrail.agents.deposit import LockedError, Order
from mailrail.agents.identity import Identity, NotAllowedError
from mailrail.agents.maildir import file_name
from mailrail.agents.mbox import from_line
from mailrail.agents.postmark import HEADER_OCTETS, our_lines, sender_for, was_here, without_return_path
from mailrail.agents.settings import AgentSettings, Kind
from mailrail.agents.template import Target, UnfitValueError, fill_path, target_of, values_of
from mailrail.agents.tools import Tools
from mailrail.message import date_text
from mailrail.model import SECOND_US, Failed, Outcome, Recipient

DEFAULT_PATHS: Final = {Kind.MAILDIR: "/var/vmail/{domain}/{local_part}", Kind.MBOX: "/var/mail/{local_part}"}
_LOOK_AGAIN_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where mail for somebody goes.

    Attributes:
        folder: the sub-address whose folder is meant, if there is one; "": the mailbox itself.
        account: as whom it is written.
    """

    path: Path
    folder: str
    account: Account


class Turns:
    """One at a time for each mailbox, among those who are in this process."""

    def __init__(self) -> None:
        self._locks: dict[Path, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def of(self, path: Path) -> AsyncIterator[None]:
        """Wait for one's turn, and have it."""
        lock, users = self._locks.get(path, (asyncio.Lock(), 0))
        self._locks[path] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(path)
            if users > 1:
                self._locks[path] = (lock, users - 1)


class FileAgent:
    """Delivers into Maildirs or mbox files (an Agent)."""

    def __init__(self, settings: AgentSettings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        self._turns = Turns()

    async def deliver(self, letter: Letter) -> Sequence[Outcome]:
        """Write the message into the mailbox of each."""
        text = await as_text(letter, self._tools.threads)
        if isinstance(text, Failed):
            return [text] * len(letter.indexes)
        letter, content = text, text.content
        at = min(content.size_bytes, HEADER_OCTETS)
        beginning = content.whole if content.whole is not None else await content.read(0, at)
        cleaned = without_return_path(beginning)
        outcomes: list[Outcome] = []
        for index, recipient in zip(letter.indexes, letter.recipients, strict=True):
            if was_here(beginning, recipient):
                outcomes.append(classify.loop())
            else:
                outcomes.append(await self._deliver_to(letter, index, recipient, cleaned, at))
        return outcomes

    def explain(self, recipient: Recipient) -> list[str]:
        """Say which mailbox it would be."""
        box = self._box(recipient)
        if not isinstance(box, Mailbox):
            return [f"would be answered with {box.reply}"]
        kind = self._settings.kind.value
        lines = [f"{kind}: {box.path}", f"written as: {box.account.name} (user {box.account.uid})"]
        if box.folder:
            lines.append(f"folder: .{box.folder}, if there is one")
        return lines

    def close(self) -> None:
        """Hold nothing: scribes are the courier's."""

    async def _deliver_to(
        self, letter: Letter, index: int, recipient: Recipient, beginning: bytes, at: int
    ) -> Outcome:
        box = await self._tools.threads.run(partial(self._box, recipient))
        if not isinstance(box, Mailbox):
            return box
        order, scribe = self._order(letter, index, recipient, box), self._tools.scribe(box.account)
        deposit = partial(scribe.deposit, order, beginning, letter.content, at)
        if self._settings.kind is Kind.MAILDIR:
            return await deposit()
        async with self._turns.of(box.path):
            return await self._when_free(deposit, box.path)

    async def _when_free(self, deposit: Callable[[], Awaitable[Outcome]], path: Path) -> Outcome:
        """Do *deposit* as soon as no other program has the mailbox locked."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._settings.lock_s
        while True:
            try:
                return await deposit()
            except LockedError:
                if loop.time() >= until_s:
                    return classify.unavailable(f"{path} is locked by another program")
            await asyncio.sleep(_LOOK_AGAIN_S)

    def _order(self, letter: Letter, index: int, recipient: Recipient, box: Mailbox) -> Order:
        settings, tools, message = self._settings, self._tools, letter.message
        now_us = tools.clock.now_us()
        return Order(
            kind=settings.kind.value,
            path=str(box.path),
            name=file_name(message.arrived_us, message.queue_id, index, tools.hostname),
            folder=box.folder,
            front=our_lines(message.envelope, [recipient]),
            from_line=from_line(sender_for(message.envelope, recipient), date_text(now_us)),
            size_bytes=message.size_bytes,
            create=settings.create,
            quota_bytes=settings.quota,
            quota_messages=settings.quota_messages,
            fails_when_full=settings.over_quota == "fail",
            may_be_there=message.arrived_us < tools.began_us,
            now_s=now_us // SECOND_US,
            machine=tools.identity.machine,
        )

    def _box(self, recipient: Recipient) -> Mailbox | Outcome:
        separators = self._tools.separators(recipient.forward_path.domain)
        return find_mailbox(self._settings, self._tools.identity, separators, recipient)


def find_mailbox(
    settings: AgentSettings, identity: Identity, separators: str, recipient: Recipient
) -> Mailbox | Outcome:
    """Find the mailbox of *recipient*; blocks, for accounts may be asked for over the network.

    Args:
        separators: those of sub-addresses in its domain.

    Returns:
        An outcome where there can be none now.
    """
    target = target_of(recipient, separators)
    try:
        user = settings.user.replace("{local_part}", target.local_part)
        account = identity.act_as(user, settings.group)
        if recipient.target.startswith("/"):
            return Mailbox(Path(recipient.target), "", account)
        template = settings.path or DEFAULT_PATHS[settings.kind]
        path = fill_path(template, values_of(target, account.name, account.home))
    except UnfitValueError as error:
        return classify.no_mailbox(str(error))
    except NoAccountError as error:
        # Never "there is no such mailbox": the system says the same where a directory service is down.
        return classify.unavailable(str(error))
    except NotAllowedError as error:
        return classify.unusable(str(error))
    return Mailbox(path, _folder(target) if settings.folders else "", account)


def _folder(target: Target) -> str:
    """Return the sub-address if it may name a folder: ASCII as folders are called on disk, and no path."""
    detail = target.detail
    is_name = detail.isascii() and detail.isprintable() and not set(detail) & set("/&")
    return detail if is_name and not detail.startswith(".") else ""
