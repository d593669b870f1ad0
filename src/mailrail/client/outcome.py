"""Floor 2 · client — what a library user is told: a Result when anybody got the message, else an error that says why."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

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
from mailrail.model import DnsError, Envelope, Reply
from mailrail.model.reply import NEXT_HOP_TOO_SMALL
from mailrail.smtp import Stage

_SHOWN: Final = 5  # recipients in the text of an error

_OPENING: Final[dict[Stage, type[SendError]]] = {
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
        answers: every recipient, in order, with what the server said about it; each once, and as it was told
            to the server: the domain in lower case, international ones as "xn--...".
        passed_dsn: the server offers DSN, so the wishes for notices were passed on.
    """

    answers: tuple[tuple[str, Reply], ...]
    passed_dsn: bool

    def __str__(self) -> str:
        return "; ".join(f"{recipient}: {reply}" for recipient, reply in self.answers)

    @property
    def accepted(self) -> dict[str, Reply]:
        """Who got it."""
        return {recipient: reply for recipient, reply in self.answers if reply.is_positive}

    @property
    def refused(self) -> dict[str, Reply]:
        """Who did not, and why."""
        return {recipient: reply for recipient, reply in self.answers if not reply.is_positive}


def result_of(sent: SendResult, envelope: Envelope, host: str, *, passed_dsn: bool) -> Result:
    """Return the result for the recipients of *envelope*.

    Raises:
        CannotSend, SenderRefused, AllRecipientsRefused, DataRefused: nobody got the message.
    """
    names = names_of(envelope)
    if any(reply.is_positive for reply in sent.replies):
        return Result(tuple(zip(names, sent.replies, strict=True)), passed_dsn)
    stages = set(sent.stages)
    if sent.replies[0] is NEXT_HOP_TOO_SMALL:
        raise CannotSend(sent.stages[0], f"{host}: {NEXT_HOP_TOO_SMALL.text}; {_nobody(names)}", (), names)
    if stages == {Stage.MAIL}:
        sender = envelope.reverse_path or "<>"
        raise SenderRefused(
            Stage.MAIL,
            f"{host} refused the sender {sender}: {sent.replies[0]}; {_nobody(names)}",
            sent.replies,
            names,
        )
    kind, what = (
        (AllRecipientsRefused, "every recipient") if stages == {Stage.RCPT} else (DataRefused, "the message")
    )
    told = _listed(f"{name}: {reply}" for name, reply in zip(names, sent.replies, strict=True))
    raise kind(sent.stages[0], f"{host} refused {what}: {told}", sent.replies, names)


def error_of(error: SessionError, host: str, names: tuple[str, ...]) -> SendError:
    """Return what to raise when a session with *host*, opened to send to *names*, was refused or broke."""
    kind = _OPENING.get(error.stage, ConnectionLost)
    if isinstance(error, SessionRefused):
        # A reply with a source is of our own register: the server said nothing of the kind.
        replies = () if error.reply.source else (error.reply,) * len(names)
        return kind(error.stage, f"{host}: {error}; {_nobody(names)}", replies, names)
    known = error.replies if isinstance(error, SessionFailed) and error.replies else (None,) * len(names)
    answers = [(name, reply) for name, reply in zip(names, known, strict=True) if reply is not None]
    silent = tuple(name for name, reply in zip(names, known, strict=True) if reply is None)
    told = [f"{name}: {reply}" for name, reply in answers]
    where = "" if error.stage is Stage.CONNECT else f" at {error.stage.value}"
    if error.stage is Stage.END:
        told += [f"{name}: no answer, it may have arrived" for name in silent]
    elif told:
        told += [f"{name}: no answer" for name in silent]
    return kind(
        error.stage,
        f"{host}{where}: {error}; {_listed(told) if told else _nobody(names)}",
        tuple(reply for _, reply in answers),
        tuple(name for name, _ in answers) + silent,
    )


def unresolved(error: DnsError, names: tuple[str, ...]) -> SendError:
    """Return what to raise when the server's name leads nowhere."""
    return ConnectFailed(Stage.CONNECT, f"{error}; {_nobody(names)}", recipients=names)


def names_of(envelope: Envelope) -> tuple[str, ...]:
    """Return the recipients' addresses as they are told to the user."""
    return tuple(str(recipient.forward_path) for recipient in envelope.recipients)


def _nobody(names: tuple[str, ...]) -> str:
    return f"nobody got the message: {_listed(names)}"


def _listed(texts: Iterable[str]) -> str:
    """Join *texts*, but not a thousand of them."""
    every = list(texts)
    shown = "; ".join(every[:_SHOWN])
    return shown if len(every) <= _SHOWN else f"{shown}; and {len(every) - _SHOWN} more"
