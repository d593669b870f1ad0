"""Floor 2 · client — what can go wrong: with a session (for delivery), with a message (for library users).

A refusal of single recipients is a result, not an error. Errors say what happened, to whom,
and what the server said.
"""

# ruff: noqa: N818 - users read `except mailrail.SenderRefused`; "Error" would add nothing.
from mailrail.model import MailrailError, NetTrouble, Reply
from mailrail.smtp import Stage


class SessionError(MailrailError):
    """A session could not be opened, or was lost.

    Attributes:
        stage: how far it came.
    """

    def __init__(self, stage: Stage, text: str) -> None:
        super().__init__(text)
        self.stage = stage


class SessionFailed(SessionError):
    """The connection was lost, a wait was too long, or the peer broke the protocol.

    Attributes:
        trouble: what the network reported; None when the peer broke the protocol.
        replies: for each recipient of the message under way, in order, the reply that settled it
            before, or None while it was open; empty outside a transaction. An open recipient may be
            tried again; at stage END it may then get the message twice (RFC 1047, A59).
        stages: what those replies answered.
    """

    def __init__(
        self,
        stage: Stage,
        trouble: NetTrouble | None,
        text: str,
        replies: tuple[Reply | None, ...] = (),
        stages: tuple[Stage, ...] = (),
    ) -> None:
        super().__init__(stage, text)
        self.trouble = trouble
        self.replies = replies
        self.stages = stages


class SessionRefused(SessionError):
    """The peer does not want this session, or does not give what it must give.

    Attributes:
        reply: what the peer said; when it merely does not offer what we need (STARTTLS, a login),
            the reply of our register that says so.
    """

    def __init__(self, stage: Stage, reply: Reply, text: str = "") -> None:
        super().__init__(stage, text or f"{stage.value}: {reply}")
        self.reply = reply


class SendError(MailrailError):
    """A message could not be sent to anybody; the base of what `Client.send` raises.

    Attributes:
        stage: how far it came.
        recipients: whom the message was for; those about whom the server said something come first.
        replies: what the server said about each of these, in the same order; what refuses the whole session
            or message stands there for each of them. Empty if the server said nothing.
    """

    def __init__(
        self,
        stage: Stage,
        text: str,
        replies: tuple[Reply, ...] = (),
        recipients: tuple[str, ...] = (),
    ) -> None:
        super().__init__(text)
        self.stage = stage
        self.replies = replies
        self.recipients = recipients

    @property
    def reply(self) -> Reply | None:
        """What the server said first, if anything."""
        return self.replies[0] if self.replies else None

    @property
    def recipient(self) -> str | None:
        """Whom that was about, if anybody."""
        return self.recipients[0] if self.recipients else None


class ConnectFailed(SendError):
    """No connection, no greeting, or the server does not want to talk to us."""


class TlsFailed(SendError):
    """TLS was wanted and did not come about: not offered, refused, or a certificate that is not good."""


class AuthFailed(SendError):
    """The login was refused, not offered, or would have gone over the wire in the clear."""


class SenderRefused(SendError):
    """The server takes nothing from this sender."""


class AllRecipientsRefused(SendError):
    """The server takes none of the recipients; `replies` has one for each."""


class DataRefused(SendError):
    """The server took recipients but refused the message."""


class ConnectionLost(SendError):
    """The session broke in the middle; at stage END the message may have arrived all the same."""


class CannotSend(SendError):
    """The message cannot be sent to this server as it is: too big, or in need of what it does not offer."""
