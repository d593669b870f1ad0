"""Floor 1 · smtp — what the server core tells its shell, in the order things happen.

An event whose docstring says *answer* stops the core until `ServerConnection.reply`.
"""

from dataclasses import dataclass, field

from mailrail.model import Address, Recipient, Reply
from mailrail.smtp.params import MailParameters, RcptParameters
from mailrail.smtp.xclient import ClientFacts


@dataclass(slots=True)
class Hello:
    """EHLO, HELO or LHLO; answer with HELLO or a refusal (the core adds the extensions)."""

    verb: str
    name: str


@dataclass(slots=True)
class Mail:
    """MAIL; answer. None is the null reverse-path."""

    reverse_path: Address | None
    parameters: MailParameters


@dataclass(slots=True)
class Rcpt:
    """RCPT; answer.

    Attributes:
        recipient: the two as the envelope holds them.
    """

    forward_path: Address
    parameters: RcptParameters
    recipient: Recipient = field(init=False)

    def __post_init__(self) -> None:
        self.recipient = Recipient(self.forward_path, self.parameters.notify, self.parameters.orcpt)


@dataclass(slots=True)
class DataStart:
    """DATA, or the first BDAT; answer START_DATA to go on (not put on the wire for BDAT)."""

    is_chunking: bool


@dataclass(slots=True)
class Chunk:
    """Content: CRLF line ends, dots removed, in the order it came; no answer."""

    content: bytes


@dataclass(slots=True)
class EndOfData:
    """The whole message has arrived; answer (LMTP: with `reply_each`).

    Attributes:
        content: the last of it, where that came together with the end: take it as that of a Chunk, first.
        is_plain: the content is known to go out by DATA as it is: every line ends with CRLF, none begins with a dot.
    """

    content: bytes = b""
    is_plain: bool = False


@dataclass(slots=True)
class Refused:
    """The core has refused the content or the transaction and answered; forget it. No answer."""

    reply: Reply


@dataclass(slots=True)
class Reset:
    """RSET, or whatever acts like it; forget the transaction. No answer: it cannot fail."""


@dataclass(slots=True)
class StartTls:
    """STARTTLS; answer TLS_READY, begin the handshake once that is sent, then call `tls_started`."""


@dataclass(slots=True)
class Auth:
    """AUTH; answer 334 with a challenge in base64, 235, or a refusal. None: no initial response."""

    mechanism: str
    initial: bytes | None


@dataclass(slots=True)
class AuthResponse:
    """The client's answer to a challenge, decoded; answer like Auth."""

    response: bytes


@dataclass(slots=True)
class AuthCancelled:
    """The client gave up the exchange, or sent no base64; the core answered. No answer."""


@dataclass(slots=True)
class Verify:
    """VRFY; answer."""

    text: str


@dataclass(slots=True)
class Xclient:
    """XCLIENT of a proxy that may say it; answer like the first greeting (220 or a refusal, which ends the session)."""

    client: ClientFacts


Event = (
    Hello
    | Mail
    | Rcpt
    | DataStart
    | Chunk
    | EndOfData
    | Refused
    | Reset
    | StartTls
    | Auth
    | AuthResponse
    | AuthCancelled
    | Verify
    | Xclient
)
