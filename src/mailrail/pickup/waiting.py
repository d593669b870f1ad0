"""Floor 4 · pickup — what was handed in and is not taken up yet, for the operator to see, whether the server runs or not.

Reads and changes nothing, so it may look at any time, beside whoever takes up. What a file says is shown as it stands, for whether it is good is
found out when it is taken up; only an address without a domain gets the one that it will have.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from mailrail.maildrop import HEAD_BYTES, NEW, TAKING, TRAILER_BYTES, DropError, Handed, is_name, parse_head
from mailrail.model import SECOND_US, QueueId, StoreError, StoreTrouble, parse_id
from mailrail.pickup.people import Person
from mailrail.pickup.reading import BLOCK_BYTES, owner_of
from mailrail.pickup.settings import MaildropSettings
from mailrail.spool import Disk

ID_LETTERS: Final = 16  # of a name: nanoseconds in hexadecimal digits (sendmail/door.py)
PAGE_BYTES: Final = 8 * 1024 * 1024  # ours; recipients that are shown in a page, so that it has a bound


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A file that waits.

    Attributes:
        place: where it is in the maildrop, "new/NAME" or "taking/QUEUE-ID".
        user: login name of whoever handed it in, "" where that cannot be told.
        sender: reverse-path as text; None is the null one.
        recipients: the first of them if they are more than a page has room for.
        size_bytes: of the content.
        arrived_us: when it was written, microseconds UTC.
        problem: why it will not be taken as it is, "" for nothing that is seen from outside; then it has no recipients.
    """

    place: str
    user: str
    sender: str | None
    recipients: tuple[str, ...]
    size_bytes: int
    arrived_us: int
    problem: str = ""

    @property
    def id(self) -> str:
        """What it is called in a list: its queue id, or the time that its name begins with, which nobody can guess to the nanosecond."""
        directory, _, name = self.place.partition("/")
        return name if directory == TAKING else name[:ID_LETTERS]


class Waiting:
    """Looks into a maildrop.

    Args:
        path: of the maildrop.
        origin: domain of addresses that have none.
        person_of: tells who has a user number.
        resolve: tells whether the spool has a message; a file whose message is stored waits no more.
    """

    def __init__(
        self,
        disk: Disk,
        path: Path,
        origin: str,
        person_of: Callable[[int], Person],
        resolve: Callable[[QueueId], Awaitable[bool]],
    ) -> None:
        self._disk = disk
        self._path = path
        self._origin = origin
        self._person_of = person_of
        self._resolve = resolve

    @classmethod
    def by_settings(
        cls,
        settings: MaildropSettings,
        hostname: str,
        spool_path: Path,
        disk: Disk,
        person_of: Callable[[int], Person],
        resolve: Callable[[QueueId], Awaitable[bool]],
    ) -> "Waiting":
        """Look into the maildrop of *settings*, which stand beside *hostname* and the path of the spool."""
        return cls(disk, settings.path(spool_path), settings.origin or hostname, person_of, resolve)

    async def page(self, after: str = "", most: int = 100) -> list[HandedIn]:
        """Return some of what waits, the oldest of each directory first; none: there is no more.

        Args:
            after: begin behind this place.
            most: no more than so many.

        Raises:
            StoreError: it cannot be looked into.
        """
        loop = asyncio.get_running_loop()
        while True:
            try:
                some, after = await loop.run_in_executor(None, partial(self._read, after, most))
            except OSError as error:
                raise StoreError(StoreTrouble.FAILED, f"the maildrop cannot be read: {error}") from error
            found = [one for one in some if not await self._is_stored(one.place)]
            if found or not after:
                return found

    async def _is_stored(self, place: str) -> bool:
        directory, _, name = place.partition("/")
        return directory == TAKING and await self._resolve(QueueId(name))

    def _read(self, after: str, most: int) -> tuple[list[HandedIn], str]:
        """Read a page; return with it the place of the last that was looked at, "" where there was none."""
        found: list[HandedIn] = []
        shown_bytes, last = 0, ""
        for place in self._places():
            if place <= after:
                continue
            last = place
            try:
                one = self._look(place)
            except FileNotFoundError:
                continue  # taken up meanwhile
            found.append(one)
            shown_bytes += sum(map(len, one.recipients))
            if len(found) == most or shown_bytes > PAGE_BYTES:
                break
        return found, last

    def _places(self) -> list[str]:
        # A file moves from the first to the second: in this order one that moves meanwhile is seen twice rather than never.
        return [
            f"{directory}/{name}"
            for directory, is_ours in ((NEW, is_name), (TAKING, _is_id))
            for name in sorted(self._names(directory))
            if is_ours(name)
        ]

    def _names(self, directory: str) -> list[str]:
        try:
            return self._disk.names(self._path / directory)
        except FileNotFoundError:
            return []  # no server was ever started with it

    def _look(self, place: str) -> HandedIn:
        """Read the envelope of a file."""
        path = self._path / place
        status = self._disk.status(path)
        arrived_us = int(status.st_mtime * SECOND_US)
        user = self._person_of(status.st_uid).name
        try:
            fd = self._disk.open(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            return _bad(place, user, arrived_us, f"it cannot be read: {error.strerror}")
        try:
            owner_of(self._disk, fd)  # of what was opened: whoever made it may exchange it at any moment
            handed, content_at = parse_head(self._head(fd))
            size_bytes = max(self._disk.status(fd).st_size - content_at - TRAILER_BYTES, 0)
        except (DropError, OSError) as error:
            return _bad(place, user, arrived_us, str(error))
        finally:
            self._disk.close(fd)
        recipients = self._shown(handed.recipients)
        return HandedIn(place, user, self._sender(handed, user), recipients, size_bytes, arrived_us)

    def _shown(self, recipients: Iterable[str]) -> tuple[str, ...]:
        shown, shown_bytes = [], 0
        for address in map(self._qualified, recipients):
            shown_bytes += len(address)
            if shown_bytes > PAGE_BYTES:
                break
            shown.append(address)
        return tuple(shown)

    def _head(self, fd: int) -> bytes:
        head = bytearray()
        while len(head) < HEAD_BYTES and (block := self._disk.read(fd, BLOCK_BYTES, len(head))):
            head += block
            if head.find(b"\n\n", max(len(head) - len(block) - 1, 0)) >= 0:
                break
        return bytes(head[:HEAD_BYTES])

    def _sender(self, handed: Handed, user: str) -> str | None:
        if handed.sender is None:
            return self._qualified(user)
        return self._qualified(handed.sender) if handed.sender else None

    def _qualified(self, address: str) -> str:
        return address if "@" in address else f"{address}@{self._origin}"


async def nothing_waits(_after: str, _most: int) -> list[HandedIn]:
    """Be the `page` of who does not look: another worker tells of the maildrop."""
    return []


def _bad(place: str, user: str, arrived_us: int, problem: str) -> HandedIn:
    return HandedIn(place, user, user, (), 0, arrived_us, problem)


def _is_id(name: str) -> bool:
    try:
        parse_id(name)
    except ValueError:
        return False
    return True
