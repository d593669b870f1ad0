"""Floor 3 · client — what a library user is told: a Result when anybody got the message, else an error that says why."""

from dataclasses import dataclass

from mailrail.client.errors import (
    AllRecipientsRefused,
    AuthFailed,
    CannotSend,
    ConnectFailed,
    ConnectionLost,
    DataRefused,
    SenderRefused,
    SendError,
    SessionError,
    SessionFailed,
    SessionRefused,
    TlsFailed,
)
from mailrail.client.session import SendResult
from mailrail.model import Reply
from mailrail.model.reply import NEXT_HOP_TOO_SMALL
from mailrail.smtp import Stage

_OPENING: dict[Stage, type[SendError]] = {
    Stage.CONNECT: ConnectFailed,
    Stage.GREETING: ConnectFailed,
    Stage.HELLO: ConnectFailed,
    Stage.TLS: TlsFailed,
    Stage.AUTH: AuthFailed,
}


@dataclass(frozen=True, slots=True)
class Result:
    """A message that somebody got.

    Attributes:
        answers: every recipient, in order, with what the server said about it.
        passed_dsn: the server offers DSN, so the wishes for notices were passed on.
    """

    answers: tuple[tuple[str, Reply], ...]
    passed_dsn: bool

    @property
    def accepted(self) -> dict[str, Reply]:
        """Who got it."""
        return {recipient: reply for recipient, reply in self.answers if reply.is_positive}

    @property
    def refused(self) -> dict[str, Reply]:
        """Who did not, and why."""
        return {recipient: reply for recipient, reply in self.answers if not reply.is_positive}


def result_of(sent: SendResult, recipients: tuple[str, ...], *, passed_dsn: bool) -> Result:
    """Return the result for those *recipients*.

    Raises:
        CannotSend, SenderRefused, AllRecipientsRefused, DataRefused: nobody got the message.
    """
    if any(reply.is_positive for reply in sent.replies):
        return Result(tuple(zip(recipients, sent.replies, strict=True)), passed_dsn)
    stages = set(sent.stages)
    if sent.replies[0] is NEXT_HOP_TOO_SMALL:
        kind: type[SendError] = CannotSend
    elif stages == {Stage.MAIL}:
        kind = SenderRefused
    elif stages == {Stage.RCPT}:
        kind = AllRecipientsRefused
    else:
        kind = DataRefused
    told = "; ".join(
        f"{recipient}: {reply}" for recipient, reply in list(zip(recipients, sent.replies, strict=True))[:5]
    )
    raise kind(sent.stages[0], f"nobody got the message: {told}", sent.replies, recipients)


def error_of(error: SessionError, host: str, recipients: tuple[str, ...] = ()) -> SendError:
    """Return what to raise for a session with *host* that broke or was refused."""
    kind = _OPENING.get(error.stage, ConnectionLost)
    replies: tuple[Reply, ...] = ()
    if isinstance(error, SessionRefused):
        replies = (error.reply,)
    elif isinstance(error, SessionFailed):
        replies = tuple(reply for reply in error.replies if reply is not None)
        recipients = tuple(
            recipient
            for recipient, reply in zip(recipients, error.replies, strict=False)
            if reply is not None
        )
    return kind(error.stage, f"{host}: {error}", replies, recipients)
