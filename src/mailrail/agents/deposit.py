"""Floor 4 · agents — one message on its way into one mailbox: what is ordered, and the steps that are done for it.

A deposit blocks, knows no loop and is used by one thread at a time; in the process of the daemon, or in one that has the rights of the
mailbox's owner (helper.py). Content comes as it is stored, with CRLF.
"""

from typing import Protocol

import msgspec

from mailrail.model import Outcome


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written where.

    Attributes:
        kind: "maildir" or "mbox".
        path: of the mailbox.
        name: what a file in a Maildir is called, the same for each try.
        folder: sub-address whose folder is meant, if there is one; "": the mailbox itself.
        front: the lines that go before the content, with CRLF; for mbox without its From_ line.
        from_line: that line, with LF.
        size_bytes: of the content.
        create: make what is missing.
        quota_bytes, quota_messages: what the mailbox may hold; 0: what it says itself.
        fails_when_full: a full mailbox ends it, instead of making it wait.
        may_be_there: an earlier process may have written it without living to say so.
        now_s: wall time, seconds since 1970.
        machine: name of the one that this runs on, without spaces; "": nothing is believed of locks on files.
    """

    kind: str
    path: str
    name: str
    folder: str = ""
    front: bytes = b""
    from_line: bytes = b""
    size_bytes: int = 0
    create: bool = True
    quota_bytes: int = 0
    quota_messages: int = 0
    fails_when_full: bool = False
    may_be_there: bool = False
    now_s: int = 0
    machine: str = ""


class NotTakenError(Exception):
    """A mailbox does not take a message; *outcome* says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome.reply))
        self.outcome = outcome


class LockedError(Exception):
    """Another program has the mailbox locked; it may be tried again in a moment."""


class Deposit(Protocol):
    """One message being written."""

    def begin(self) -> Outcome | None:
        """Make ready to write; an outcome ends it here.

        Raises:
            OSError, NotTakenError, LockedError: nothing was begun.
        """
        ...

    def write(self, piece: bytes) -> None:
        """Take content, as it is stored.

        Raises:
            OSError: it cannot go on; `abort` is still to be called.
        """
        ...

    def finish(self) -> Outcome:
        """Put all of it on stable storage and into the mailbox.

        Raises:
            OSError: it did not; `abort` is still to be called.
        """
        ...

    def abort(self) -> None:
        """Take back what can be; never raises."""
        ...
