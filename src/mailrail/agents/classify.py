"""Floor 4 · agents — the one place where errors of the system, exit codes and HTTP status become outcomes. Pure.

Who waits: a mailbox that cannot be written is the *recipient's* trouble, a disk that fails or is full *ours*, for it is the same for all;
what a program or a service says about a message is about that *message*, that it does not answer about the *destination*.
"""

import errno
import os
from typing import Final

from mailrail.model import Blame, Deferred, Delivered, Failed, Outcome, Reply
from mailrail.model import reply as say

# The whole disk, or this process: the next mailbox would fare no better.
_OURS: Final = frozenset(
    {
        errno.ENOSPC, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENXIO,
        errno.ESTALE, errno.ENODEV, errno.EAGAIN,
    }
)  # fmt: skip
_FULL: Final = frozenset({errno.EDQUOT, errno.EFBIG})


def delivered(reply: Reply = say.DELIVERED) -> Delivered:
    """Return that it has arrived where it was to."""
    return Delivered(reply, "", is_final=True)


def from_os_error(error: OSError, path: str) -> Deferred:
    """Return what it means that the mailbox at *path* could not be written."""
    words = f"{path}: {os.strerror(error.errno) if error.errno else error}"
    if error.errno in _FULL:
        return Deferred(Blame.RECIPIENT, _add(say.MAILBOX_FULL_NOW, words))
    blame = Blame.OURSELVES if error.errno in _OURS else Blame.RECIPIENT
    return Deferred(blame, _add(say.MAILBOX_UNAVAILABLE, words))


def over_quota(*, fails: bool) -> Deferred | Failed:
    """Return what becomes of mail for a mailbox that holds all it may."""
    if fails:
        return Failed(Blame.RECIPIENT, say.MAILBOX_FULL)
    return Deferred(Blame.RECIPIENT, say.MAILBOX_FULL_NOW)


def unavailable(words: str) -> Deferred:
    """Return that a mailbox cannot be written for a reason that is its own."""
    return Deferred(Blame.RECIPIENT, _add(say.MAILBOX_UNAVAILABLE, words))


def no_mailbox(words: str) -> Failed:
    """Return that an address can have no mailbox here."""
    return Failed(Blame.RECIPIENT, _add(say.NO_SUCH_MAILBOX, words))


def unusable(words: str) -> Deferred:
    """Return that the settings or the system have to be mended first."""
    return Deferred(Blame.OURSELVES, _add(say.AGENT_UNUSABLE, words))


def loop() -> Failed:
    """Return that the message has been here before (A64)."""
    return Failed(Blame.RECIPIENT, say.DELIVERED_BEFORE)


def _add(reply: Reply, words: str) -> Reply:
    return reply.with_text(f"{reply.text}: {words}")


def is_done(outcome: Outcome) -> bool:
    """Tell whether the message has arrived."""
    return isinstance(outcome, Delivered)
