"""Floor 4 · agents — the one place where errors of the system, exit codes and HTTP status become outcomes. Pure.

Who waits: a mailbox that cannot be written is the *recipient's* trouble, a disk that fails or is full *ours*, for it is the same for all;
what a program or a service says about a message is about that *message*, that it does not answer about the *destination*.
"""

import errno
import os
import re
from dataclasses import replace
from typing import Final

from mailrail.message import Obstacle
from mailrail.model import Blame, Deferred, Delivered, Failed, Outcome, Reply, printable
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


def unusable(words: str, blame: Blame = Blame.OURSELVES) -> Deferred:
    """Return that the settings or the system have to be mended first; for an alias only the *blame* is the recipient's."""
    return Deferred(blame, _add(say.AGENT_UNUSABLE, words))


def no_text(obstacle: Obstacle) -> Failed:
    """Return that a binary message cannot be made the text that mailboxes and programs take (RFC 3030 §3)."""
    return Failed(Blame.MESSAGE, replace(say.BINARY_NOT_KEPT, enhanced_code=obstacle.value))


def loop() -> Failed:
    """Return that the message has been here before (A64)."""
    return Failed(Blame.RECIPIENT, say.DELIVERED_BEFORE)


def _add(reply: Reply, words: str) -> Reply:
    return reply.with_text(f"{reply.text}: {words}")


# --- Programs -----------------------------------------------------------------------------

# sysexits(3), as far as a code says something about the message or its recipient for good. All others, a crash among
# them, may be otherwise tomorrow. DEVIATES from Postfix, which returns mail for any other code: a script with a mistake in it
# would send away everything that comes until somebody notices.
_EX_FOR_GOOD: Final = {
    65: ("5.6.0", "the program does not understand the message"),  # EX_DATAERR
    67: ("5.1.1", "the program knows no such user"),  # EX_NOUSER
    68: ("5.1.2", "the program knows no such host"),  # EX_NOHOST
    69: ("5.3.0", "the program is of no service"),  # EX_UNAVAILABLE
    76: ("5.5.0", "the program understands another protocol"),  # EX_PROTOCOL
    77: ("5.7.0", "the program does not allow it"),  # EX_NOPERM
}
_ENHANCED: Final = re.compile(r"\s*([45]\.\d{1,3}\.\d{1,3})\s+(?=\S)")
_QUOTED_LETTERS: Final = 1000  # of what a program or service said, in a notice


def from_exit(code: int, output: bytes) -> Outcome:
    """Return what it means that a program ended with *code* (minus a signal), having written *output*.

    An enhanced status code at the beginning of *output* is used, if it is of the same class (as in Postfix).
    """
    if code == 0:
        return delivered(say.HANDED_OVER)
    words = said(output)
    if code in _EX_FOR_GOOD:
        enhanced, what = _EX_FOR_GOOD[code]
        enhanced, words = _own_code(enhanced, words)
        reply = Reply(say.AGENT_REFUSED.code, enhanced, _joined(what, words), say.AGENT_REFUSED.source)
        return Failed(Blame.MESSAGE if code != 67 else Blame.RECIPIENT, reply)
    what = f"the program ended with {code}" if code > 0 else f"signal {-code} ended the program"
    enhanced, words = _own_code(say.AGENT_FAILED_NOW.enhanced_code, words)
    reply = Reply(say.AGENT_FAILED_NOW.code, enhanced, _joined(what, words), say.AGENT_FAILED_NOW.source)
    return Deferred(Blame.MESSAGE, reply)


def from_start_error(error: OSError, program: str, blame: Blame) -> Deferred:
    """Return what it means that a program cannot be begun: it is missing, or we lack something."""
    return unusable(f"{program}: {os.strerror(error.errno) if error.errno else error}", blame)


def too_slow(limit_s: float, blame: Blame = Blame.MESSAGE) -> Deferred:
    """Return that it was given up; a service that does not answer keeps all mail for it waiting."""
    return Deferred(blame, _add(say.AGENT_TOO_SLOW, f"more than {limit_s:g} s"))


def said(output: bytes) -> str:
    """Return *output* as lines for people: what cannot be printed is "?", empty lines are left out."""
    text = output.decode("utf-8", "replace")
    lines = [printable(line.strip()) for line in text.splitlines()]
    return "\n".join(line for line in lines if line)[:_QUOTED_LETTERS]


def _own_code(enhanced: str, words: str) -> tuple[str, str]:
    found = _ENHANCED.match(words)
    if found is None or found[1][0] != enhanced[0]:
        return enhanced, words
    return found[1], words[found.end() :]


def _joined(what: str, words: str) -> str:
    return f"{what}: {words}" if words else what


# --- Services and functions ---------------------------------------------------------------

_LATER: Final = frozenset({408, 425, 429})
_OUR_LOGIN: Final = frozenset({401, 407})
_REPLY: Final = re.compile(r"([45]\d\d) ([45]\.\d{1,3}\.\d{1,3}) (.*)", re.DOTALL)


def may_wait(status: int) -> bool:
    """Tell whether a service with *status* may take the message later."""
    return status in _LATER or status >= 500


def from_http(status: int, reason: str, body: bytes) -> Outcome:
    """Return what it means that a service answered with *status*."""
    if 200 <= status < 300:
        return delivered(say.HANDED_OVER)
    words = _joined(f"the service answered {status} {printable(reason)}".rstrip(), said(body))
    if may_wait(status):
        return Deferred(Blame.DESTINATION, _add(say.AGENT_FAILED_NOW, words))
    if status < 400 or status in _OUR_LOGIN:
        return unusable(words)
    return Failed(Blame.MESSAGE, _add(say.AGENT_REFUSED, words))


def no_service(words: str) -> Deferred:
    """Return that a service did not answer."""
    return Deferred(Blame.DESTINATION, _add(say.AGENT_FAILED_NOW, words))


def failed_now(words: str) -> Deferred:
    """Return that something went wrong with this message."""
    return Deferred(Blame.MESSAGE, _add(say.AGENT_FAILED_NOW, said(words.encode("utf-8", "replace"))))


def from_said(answer: object, function: str) -> Outcome:
    """Return what it means that *function* returned *answer*: nothing, or a reply as text."""
    if answer is None:
        return delivered(say.HANDED_OVER)
    found = _REPLY.fullmatch(answer) if isinstance(answer, str) else None
    if found is None or found[1][0] != found[2][0]:
        return failed_now(f"{function} returned neither None nor a reply: {answer!r}")
    reply = Reply(
        int(found[1]), found[2], said(found[3].encode("utf-8", "replace")), say.AGENT_REFUSED.source
    )
    return Failed(Blame.RECIPIENT, reply) if reply.is_permanent else Deferred(Blame.RECIPIENT, reply)
