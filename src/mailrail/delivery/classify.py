"""Floor 4 · delivery — the one place where replies and errors become outcomes. Pure.

The question is always "who waits": *recipient*, *message*, *host* (the next MX is tried; if all are
like this the destination slows down), *destination*, or *ourselves* (nobody is bounced for it). A
4yz never fails anybody, whatever it says; garbage and lost connections are 4yz (A58, A61).

Sources: RFC 5321 §4.2.1 (the first digit decides), §3.8 (421 anywhere), §4.5.3.1.10 (452, 552), RFC 3463
(X.3 and X.4 are the system's and the network's trouble), RFC 7504 (521), RFC 1047 (a lost final reply).
"""

from collections.abc import Sequence
from typing import Final

from mailrail.client import SendResult, SessionError, SessionFailed, SessionRefused
from mailrail.model import Blame, Deferred, Delivered, Failed, NetTrouble, Outcome, Reply
from mailrail.model import reply as say
from mailrail.smtp import Extensions, Stage

# What a session is lost for, in words; the network's own words follow.
_LOST: Final[dict[NetTrouble | None, Reply]] = {
    NetTrouble.REFUSED: say.NO_HOST_ANSWERS,
    NetTrouble.UNREACHABLE: say.NO_HOST_ANSWERS,
    NetTrouble.TIMEOUT: say.CONNECTION_LOST,
    NetTrouble.RESET: say.CONNECTION_LOST,
    NetTrouble.TLS: say.TLS_NOT_POSSIBLE,
    NetTrouble.EXHAUSTED: say.NO_RESOURCES,
    NetTrouble.OTHER: say.CONNECTION_LOST,
    None: say.GARBAGE_FROM_PEER,  # the peer broke the protocol
}
# Ours to mend, not the peer's: no descriptors, a login that is not accepted.
_OURS: Final = frozenset({NetTrouble.EXHAUSTED})


def from_reply(reply: Reply, stage: Stage, host: str) -> Failed | Deferred:
    """Return what a reply of refusal means for a recipient; *stage* is what it answers."""
    if reply.code == 421:
        return Deferred(Blame.HOST, reply, host)
    blame = Blame.RECIPIENT if stage is Stage.RCPT else Blame.MESSAGE
    if reply.is_permanent and not _is_full(reply, stage):
        return Failed(blame, reply, host)
    if blame is Blame.MESSAGE and reply.enhanced_code.startswith(("4.3.", "4.4.")):
        blame = Blame.HOST
    return Deferred(blame, reply, host)


def _is_full(reply: Reply, stage: Stage) -> bool:
    """Tell whether 552 to RCPT says "too many recipients", as it did long ago (RFC 5321 §4.5.3.1.10).

    With an enhanced code of its own it is believed: 5.2.2 is a full mailbox.
    """
    return stage is Stage.RCPT and reply.code == 552 and reply.enhanced_code in ("", "5.5.3")


def from_refusal(error: SessionRefused, host: str) -> Deferred | Failed:
    """Return what it means that a host does not want the session, or lacks what it must give.

    Only 521 ends anything, and only if every host says it (RFC 7504 §4): any other 5yz to a
    greeting or EHLO is more often about us or about today than about the recipient.
    """
    reply = error.reply
    match error.stage:
        case Stage.AUTH:
            return Deferred(Blame.OURSELVES, _as_temporary(reply, str(error)), host)
        case Stage.TLS:
            return Deferred(Blame.HOST, _add(say.TLS_NOT_POSSIBLE, str(error)), host)
        case Stage.GREETING if reply.code == 521:
            return Failed(Blame.HOST, reply, host)
        case _:
            return Deferred(Blame.HOST, reply, host)


def from_failure(error: SessionFailed, host: str) -> Deferred:
    """Return what a lost or impossible session means for a recipient that nobody answered for."""
    blame = Blame.OURSELVES if error.trouble in _OURS else Blame.HOST
    known = say.NO_HOST_ANSWERS if error.stage is Stage.CONNECT and blame is Blame.HOST else None
    known = say.TLS_NOT_POSSIBLE if error.stage is Stage.TLS else known
    return Deferred(blame, _add(known or _LOST[error.trouble], str(error)), host)


def from_session_error(error: SessionError, host: str) -> Deferred | Failed:
    """Return what it means that no session came about."""
    if isinstance(error, SessionRefused):
        return from_refusal(error, host)
    assert isinstance(error, SessionFailed)
    return from_failure(error, host)


def may_have_arrived(error: SessionFailed) -> bool:
    """Tell whether the message may have been taken although nobody said so (RFC 1047, A59).

    It is tried again, because a message twice is better than none; but later and not at once at
    another host, which would make a duplicate likely instead of possible.
    """
    return error.stage is Stage.END


def taken(reply: Reply, host: str, extensions: Extensions, is_final: bool) -> Delivered:
    """Return what a positive reply means for a recipient; the rest is as for `from_replies`."""
    return Delivered(reply, host, extensions.has_dsn, is_final, passed_by="DELIVERBY" in extensions.keywords)


def is_hosts_fault(outcome: Outcome) -> bool:
    """Tell whether another host may do better."""
    return not isinstance(outcome, Delivered) and outcome.blame is Blame.HOST


def is_stale(error: SessionFailed) -> bool:
    """Tell whether a kept session was gone before it was used: nothing of this message was answered."""
    return error.stage is Stage.MAIL and all(reply is None for reply in error.replies)


def was_dismissed(result: SendResult) -> bool:
    """Tell whether a kept session was ended by the peer in place of an answer to MAIL (RFC 5321 §3.8)."""
    return result.stages[0] is Stage.MAIL and result.replies[0].code == 421


def from_replies(
    replies: Sequence[Reply | None],
    stages: Sequence[Stage],
    host: str,
    extensions: Extensions,
    *,
    is_final: bool,
    lost: Deferred | None = None,
) -> list[Outcome]:
    """Return an outcome for each recipient of a transaction.

    Args:
        replies: what settled each recipient; None: nothing did.
        extensions: what the hop offers: with DSN it took over the sender's wishes for notices; with DELIVERBY it was
            told by when to deliver, if anything was to be told.
        is_final: the hop is the mailbox itself (LMTP).
        lost: the outcome of those whom nothing settled.
    """
    outcomes: list[Outcome] = []
    for reply, stage in zip(replies, stages, strict=True):
        if reply is None:
            assert lost is not None, "only a lost session leaves a recipient open"
            outcomes.append(lost)
        elif reply.code < 400:
            outcomes.append(taken(reply, host, extensions, is_final))
        else:
            outcomes.append(from_reply(reply, stage, host))
    return outcomes


def _as_temporary(reply: Reply, words: str) -> Reply:
    """Return a reply about our own login as the 4yz that it is for the sender's mail."""
    return Reply(454, "4.7.0", f"Login at the next hop failed: {words}", reply.source or "RFC 4954 §6")


def _add(reply: Reply, words: str) -> Reply:
    return reply.with_text(f"{reply.text}: {words}")
