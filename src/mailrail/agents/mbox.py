"""Floor 4 · agents — one message onto the end of an mbox file. Blocks.

A file that several programs write to and that has no end mark is the worst place for a message; it is still wanted. So:

- Two locks, as other programs take them: fcntl, then `FILE.lock` ("dot-lock"). Where the directory may not be written there is only the first.
  Two threads of one process are kept apart by whoever uses this: fcntl does not.
- Every line of the content that begins with "From ", after any number of ">", gets one more ">" ("mboxrd"), so that it can be taken off again.
- A write that fails is taken back: the file is as long as before.
- A process that dies, or a power cut, in the middle of writing leaves half a message. That is why our dot-lock says how long the file was, and is on
  stable storage before anything is written, and gone from it before we say that the message has arrived. Whoever of us finds such a lock takes back
  what stands behind that length, if it begins with our line and holds no other message.
- Until then the lock is what keeps readers from the half, and they believe a lock for some minutes only (liblockfile five). So a dead process of ours must
  be known for dead at once, not when its lock has grown old: while it lives it has the dot-lock itself locked (flock), which ends with it. That is believed
  of this machine alone, for a directory may be shared with others whose locks are not seen here. So that there is no moment in which its lock does not say
  whose it is, it is made under another name first.

What we do not do: write the From_ line last, so that no reader sees the half before it is whole. It would stand in the message before it
then, which somebody may have read, indexed and counted already; a cut message by itself harms no other.

Source: RFC 4155 (the format), qmail's mbox(5) (mboxrd), Postfix mailbox_delivery_lock, lockfile_create(3) of liblockfile.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mailrail.agents import classify
from mailrail.agents.deposit import LockedError, NotTakenError, Order
from mailrail.agents.grounds import Grounds
from mailrail.agents.postmark import LineEnds
from mailrail.model import Address, Outcome
from mailrail.spool import Disk

_FROM: Final = re.compile(rb"^(?=>*From )", re.MULTILINE)
_STALE_S: Final = 500  # Postfix stale_lock_time
_MARK_OCTETS: Final = 1000
# The first version's name no machine. What stands behind is the end of a longer mark, which this one took the place of.
_MARK: Final = re.compile(rb"mailrail (?:-|(\d{1,18}))(?: (\S{1,255}))?\n(From [^\n]*\n)?")
_NO_MACHINE: Final = b"-"
_NO_DOT_LOCK: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_LINE_OCTETS: Final = 64 * 1024  # of a line, kept back until its end is there


def from_line(sender: Address | None, date: str) -> bytes:
    """Return the line that begins a message.

    Args:
        date: in UTC, as RFC 5322 writes it: "Sun, 15 Jun 2025 15:06:40 +0000".
    """
    day, number, month, year, clock, _ = date.replace(",", "").split(" ")
    text = "MAILER-DAEMON" if sender is None else re.sub(r"\s", "_", sender.text)
    return f"From {text}  {day} {month} {int(number):2d} {clock} {year}\n".encode("utf-8", "replace")


class MboxDeposit:
    """Implements Deposit."""

    def __init__(self, order: Order, grounds: Grounds) -> None:
        self._order = order
        self._grounds = grounds
        self._disk = grounds.disk
        self._path = Path(order.path)
        self._lock = Path(f"{order.path}.lock")
        # The lock before it is one. No mailbox is named so, for nothing of an address comes behind a dot at the beginning (template.py).
        self._draft = self._path.with_name(f".{self._path.name}.new")
        self._lock_fd = -1  # of the dot-lock, which is locked itself; -1: we have none
        self._machine = _NO_MACHINE  # where it is seen whether that is still locked
        self._is_marked = False
        self._ends = LineEnds()
        self._rest = b""  # the beginning of a line whose end is not there yet
        self._is_inside = False  # of a line whose beginning is written already
        self._last = b""
        self._fd = -1
        self._size_bytes = -1  # of the file before us; -1: nothing is to be taken back

    def begin(self) -> Outcome | None:
        """Lock the mailbox, take back what a dead process left of a message, and begin ours."""
        order, disk = self._order, self._disk
        self._prepare()
        self._fd = disk.open_to_append(self._path)
        status = disk.status(self._fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise NotTakenError(classify.unavailable(f"{self._path} is not a file with one name"))
        try:
            disk.lock_mailbox(self._fd)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise LockedError from error
            raise
        left = self._take_dot_lock()
        size_bytes = disk.status(self._fd).st_size
        if left is not None and is_torn(disk, self._fd, size_bytes, *left):
            # So that `abort` takes it back too, or leaves the lock that says so.
            self._size_bytes = size_bytes = left[0]
            disk.cut(self._fd, size_bytes)
            disk.sync(self._fd)
        if order.quota_bytes and size_bytes + order.size_bytes > order.quota_bytes:
            raise NotTakenError(classify.over_quota(fails=order.fails_when_full))
        self._mark(size_bytes)
        self._size_bytes = size_bytes
        self._append(_gap(disk.read(self._fd, 2, max(size_bytes - 2, 0))) + order.from_line)
        self.write(order.front)
        return None

    def write(self, piece: bytes) -> None:
        """Take content."""
        text = self._rest + self._ends.feed(piece)
        if self._is_inside:
            line, newline, text = text.partition(b"\n")
            self._append(line + newline)
            self._is_inside = not newline
        whole, newline, self._rest = text.rpartition(b"\n")
        if newline:
            self._append(_FROM.sub(b">", whole) + newline)
        if len(self._rest) > _LINE_OCTETS:
            self._append(_FROM.sub(b">", self._rest))
            self._rest, self._is_inside = b"", True

    def finish(self) -> Outcome:
        """Sync the file, and then let others have it."""
        rest = self._rest + self._ends.end()
        self._append(rest if self._is_inside else _FROM.sub(b">", rest))
        self._append(b"\n" if self._last == b"\n" else b"\n\n")  # an empty line stands between two messages
        self._disk.sync(self._fd)
        if self._size_bytes == 0 and not self._is_marked:  # it may be new, and so its name
            with _where_allowed():
                self._disk.sync_directory(self._path.parent)
        self._let_go(is_durable=self._is_marked)
        self._size_bytes = -1
        self._close()
        return classify.delivered()

    def abort(self) -> None:
        """Take back what was written, and let others have the mailbox."""
        try:
            if self._size_bytes >= 0:
                self._disk.cut(self._fd, self._size_bytes)
                self._disk.sync(self._fd)
            self._let_go(is_durable=False)
        except OSError:
            pass  # the lock, if it is still there, says how long the file was, for whoever comes next
        self._size_bytes = -1
        with contextlib.suppress(OSError):
            self._close()

    def _prepare(self) -> None:
        parent = self._path.parent
        if not self._order.create and not self._grounds.exists(self._path):
            raise NotTakenError(classify.unavailable(f"{self._path} is not there"))
        if not self._grounds.exists(parent):
            self._grounds.make(parent)
            self._grounds.forget(parent)
        self._grounds.secure(parent)

    def _append(self, piece: bytes) -> None:
        self._last = piece[-1:] or self._last
        view = memoryview(piece)
        while view:
            view = view[self._disk.write(self._fd, view) :]

    def _close(self) -> None:
        self._close_lock()
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._disk.close(fd)

    def _close_lock(self) -> None:
        if self._lock_fd >= 0:
            fd, self._lock_fd = self._lock_fd, -1
            self._disk.close(fd)

    # --- The dot-lock -------------------------------------------------------------------

    def _take_dot_lock(self) -> tuple[int, bytes] | None:
        """Take the dot-lock.

        Returns:
            How long the file was, and the From_ line that came next, if a dead process of ours held the lock: it is kept
            as it is until what that left has been dealt with.
        """
        if self._grounds.exists(self._lock):
            return self._take_over()
        try:
            self._make_dot_lock()
        except FileExistsError:
            return self._take_over()
        except OSError as error:
            if error.errno not in _NO_DOT_LOCK:
                raise
        return None

    def _make_dot_lock(self) -> None:
        disk = self._disk
        self._remove_left_draft()
        try:
            self._lock_fd = disk.create(self._draft)
        except FileExistsError:  # somebody else's, who must not keep us from locking
            self._make_plain_dot_lock()
            return
        try:
            self._stay_alive(self._lock_fd)
            disk.write(self._lock_fd, memoryview(b"mailrail - %b\n" % self._machine))
            disk.rename_new(self._draft, self._lock)
        except OSError as error:
            self._close_lock()  # it is none: `abort` must not take another's away
            self._remove_left_draft()
            if error.errno not in _NO_LINKS:
                raise
            self._make_plain_dot_lock()

    def _make_plain_dot_lock(self) -> None:
        self._lock_fd = self._disk.create(self._lock)
        self._stay_alive(self._lock_fd)

    def _remove_left_draft(self) -> None:
        """Remove what a dead process of ours left: who lives has the mailbox locked while it makes one."""
        with contextlib.suppress(FileNotFoundError):
            status = self._disk.status(self._draft)
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
                self._disk.remove(self._draft)

    def _take_over(self) -> tuple[int, bytes] | None:
        """Take the lock of a dead process, and return what it says, None where that is nothing.

        Raises:
            LockedError: it is not known to be dead.
        """
        disk = self._disk
        try:
            is_old = self._order.now_s - disk.status(self._lock).st_mtime >= _STALE_S
            fd = disk.open(self._lock)
        except FileNotFoundError:
            raise LockedError from None  # gone this moment
        except PermissionError:
            if is_old:
                raise
            raise LockedError from None
        is_free = False
        try:
            # Where everybody may make files, what another wrote must not cut anybody's mailbox.
            is_ours = disk.status(fd).st_uid == os.geteuid()
            mark = _MARK.match(disk.read(fd, _MARK_OCTETS, 0)) if is_ours else None
            is_from_here = mark is not None and (mark[2] or _NO_MACHINE).decode() == self._order.machine
            is_free = (is_old or is_from_here) and (self._stay_alive(fd) or is_old) and self._is_there(fd)
        finally:
            if not is_free:
                disk.close(fd)
        if not is_free:
            raise LockedError
        self._lock_fd = fd
        self._remove_left_draft()
        return (int(mark[1]), mark[3]) if mark is not None and mark[1] and mark[3] else None

    def _is_there(self, fd: int) -> bool:
        """Tell whether *fd* is the lock still: its holder may have lived, and let it go since it was opened."""
        try:
            return self._disk.status(self._lock).st_ino == self._disk.status(fd).st_ino
        except FileNotFoundError:
            return False

    def _stay_alive(self, fd: int) -> bool:
        """Lock the dot-lock itself, so that others see how long we live; False where the file system cannot.

        Raises:
            LockedError: another process, which lives, has it locked.
        """
        try:
            self._disk.lock(fd)
        except BlockingIOError:
            raise LockedError from None
        except OSError:
            return False
        if self._order.machine:
            self._machine = self._order.machine.encode()
        return True

    def _mark(self, size_bytes: int) -> None:
        """Write into the lock how long the file is, so that a message of which half is there can be taken back."""
        if self._lock_fd < 0:
            return
        # First the name: a mark whose removal could not be made durable must not be written.
        with _where_allowed():
            self._disk.sync_directory(self._path.parent)
            self._is_marked = True
        mark = b"mailrail - %b\n" % self._machine
        if self._is_marked:
            mark = b"mailrail %d %b\n%b" % (size_bytes, self._machine, self._order.from_line)
        fd = self._disk.open_or_create(self._lock)
        try:
            self._disk.write(fd, memoryview(mark))  # over what is there: it must not be empty at any time
            self._disk.cut(fd, len(mark))
            self._disk.sync(fd)
        finally:
            self._disk.close(fd)

    def _let_go(self, *, is_durable: bool) -> None:
        """Remove the dot-lock; *is_durable*: it must not come back with the power, for it would take back what has arrived."""
        if self._lock_fd >= 0:
            self._disk.remove(self._lock)
            self._close_lock()  # not before: whoever sees it free must find that it is no lock any more
        if is_durable:
            self._disk.sync_directory(self._path.parent)


def is_torn(disk: Disk, fd: int, size_bytes: int, before: int, line: bytes) -> bool:
    """Tell whether all that stands behind *before* is what a dead process of ours began to write.

    Args:
        line: the From_ line that it wrote first.
    """
    if size_bytes <= before:
        return False
    head = disk.read(fd, len(line) + 2, before).lstrip(b"\n")[: len(line)]
    # A power cut may have lost a part of it: a hole in a file is read as NUL, which no message has.
    if any(ours not in (there, 0) for there, ours in zip(line, head, strict=False)):
        return False
    at, last = before, b""
    is_first = True
    while chunk := disk.read(fd, _LINE_OCTETS, at):
        text = last + chunk
        found = text.count(b"\nFrom ")
        if is_first and text.startswith((b"\nFrom ", b"\n\nFrom ")):
            found -= 1  # ours
        if found:
            return False
        at, last, is_first = at + len(chunk), chunk[-5:], False
    return True


def _gap(ends: bytes) -> bytes:
    """Return what must stand between the end of the file, its last two octets, and a message."""
    if not ends or ends == b"\n\n":
        return b""
    return b"\n" if ends.endswith(b"\n") else b"\n\n"


@contextlib.contextmanager
def _where_allowed() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_DOT_LOCK and error.errno != errno.EINVAL:
            raise
