"""Floor 4 · agents — one message into a Maildir. Blocks.

Written in tmp/, synced, renamed into new/, new/ synced: a reader sees a message whole or not at all, and what we say is delivered stays
when the power fails (A67). The file has the same name at each try, made of the queue id. So a message that an earlier process had put there
without living to say so is found again where it lies, in new/ or, read meanwhile, in cur/; it comes twice only where a reader
has moved it to another folder. What a dead process left in tmp/ under that name is replaced.

Source: cr.yp.to/proto/maildir.html; Maildir++ (folders, quota).
"""

import contextlib
from pathlib import Path
from typing import Final

from mailrail.agents import classify
from mailrail.agents.deposit import NotTakenError, Order
from mailrail.agents.grounds import Grounds
from mailrail.agents.maildirsize import Limits, MaildirSize
from mailrail.agents.postmark import LineEnds
from mailrail.model import Outcome

PARTS: Final = ("tmp", "new", "cur")


def file_name(arrived_us: int, queue_id: str, index: int, host: str) -> str:
    """Return what the file of recipient *index* of a message is called; "/" and ":" have no place in it."""
    seconds, micros = divmod(arrived_us, 1_000_000)
    safe = host.replace("/", "\\057").replace(":", "\\072")
    return f"{seconds}.M{micros}Q{queue_id}R{index}.{safe}"


class MaildirDeposit:
    """Implements Deposit."""

    def __init__(self, order: Order, grounds: Grounds) -> None:
        self._order = order
        self._grounds = grounds
        self._disk = grounds.disk
        self._ends = LineEnds()
        self._place = Path(order.path)  # of the mailbox, or of the folder in it
        self._draft: Path | None = None
        self._put: Path | None = None
        self._fd = -1
        self._size_bytes = 0
        self._quota = MaildirSize(
            self._disk, self._place, Limits(order.quota_bytes, order.quota_messages), order.now_s
        )

    def begin(self) -> Outcome | None:
        """Find the mailbox, and room in it, and begin a file."""
        order, base = self._order, self._place
        self._prepare(base)
        if order.folder and (folder := self._folder(base)) is not None:
            self._place = folder
            self._prepare(folder)
        if order.may_be_there and self._is_there():
            return classify.delivered()
        if not self._quota.has_room(len(order.front) + order.size_bytes):
            raise NotTakenError(classify.over_quota(fails=order.fails_when_full))
        self._draft = draft = self._place / "tmp" / order.name
        try:
            self._fd = self._disk.create(draft)
        except FileExistsError:
            self._disk.remove(draft)
            self._fd = self._disk.create(draft)
        self.write(order.front)
        return None

    def write(self, piece: bytes) -> None:
        """Take content."""
        self._append(self._ends.feed(piece))

    def finish(self) -> Outcome:
        """Sync the file, and move it to where readers look."""
        self._append(self._ends.end())
        assert self._draft is not None
        self._disk.sync(self._fd)
        fd, self._fd = self._fd, -1
        self._disk.close(fd)
        put = self._place / "new" / f"{self._order.name},S={self._size_bytes}"
        self._disk.rename(self._draft, put)
        self._draft, self._put = None, put
        self._disk.sync_directory(put.parent)
        self._put = None
        self._quota.add(self._size_bytes)
        return classify.delivered()

    def abort(self) -> None:
        """Remove what was written."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):
                self._disk.close(fd)
        # What was moved and could not be synced is there or not: it is tried again, so it must not be.
        for path in (self._draft, self._put):
            if path is not None:
                with contextlib.suppress(OSError):
                    self._disk.remove(path)
        self._draft = self._put = None

    def _append(self, piece: bytes) -> None:
        view = memoryview(piece)
        self._size_bytes += len(view)
        while view:
            view = view[self._disk.write(self._fd, view) :]

    def _prepare(self, place: Path) -> None:
        """Make what is missing of the directory, and put the names that lead there on stable storage."""
        if not self._order.create and not self._grounds.exists(place):
            raise NotTakenError(classify.unavailable(f"{place} is not there"))
        missing = [path for part in PARTS if not self._grounds.exists(path := place / part)]
        for path in missing:
            self._grounds.make(path)
        if missing:
            self._grounds.forget(place)
        self._grounds.secure(place)

    def _folder(self, base: Path) -> Path | None:
        """Return the folder that the sub-address means, in any case of letters; None: there is none."""
        wanted = f".{self._order.folder}".lower()
        for name in sorted(self._disk.names(base)):
            if name.lower() == wanted and self._grounds.exists(base / name / "cur"):
                return base / name
        return None

    def _is_there(self) -> bool:
        """Tell whether an earlier process has put the message here; what it had not synced is synced."""
        for part in ("new", "cur"):
            if any(
                name.startswith(f"{self._order.name},S=") for name in self._disk.names(self._place / part)
            ):
                self._disk.sync_directory(self._place / part)
                return True
        return False
