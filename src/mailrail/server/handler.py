"""Floor 2 · server — what a program that takes mail writes: a Handler.

One Handler is made for each session (a class is its own factory), so that what it keeps on
`self` belongs to that session. Each method answers with a Reply, or with an awaitable of one
when it must wait: for a database, a commit, another server. The session waits only then, and
that is what keeps mail that needs no waiting free of tasks.
"""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from mailrail.model import Address, Body, Envelope, Recipient, Reply, Ret
from mailrail.model import reply as say
from mailrail.net import Endpoint, TlsInfo
from mailrail.smtp import MailParameters

Answer = Reply | Awaitable[Reply]
EndAnswer = Reply | Sequence[Reply] | Awaitable[Reply | Sequence[Reply]]


class Transaction:
    """What is known between MAIL and the end of data.

    Attributes:
        reverse_path: None is the null reverse-path.
        parameters: MAIL's parameters.
        recipients: those accepted so far.
        is_plain: at its end, see `smtp.EndOfData`: what goes on unchanged need not be looked through again.
    """

    __slots__ = ("is_plain", "parameters", "recipients", "reverse_path")

    def __init__(self, reverse_path: Address | None, parameters: MailParameters) -> None:
        self.reverse_path = reverse_path
        self.parameters = parameters
        self.recipients: list[Recipient] = []
        self.is_plain = False

    @property
    def body(self) -> Body:
        """What the client declared the content to be."""
        return self.parameters.body

    @property
    def ret(self) -> Ret | None:
        """How much of the message a failure notice is to return."""
        return self.parameters.ret

    def envelope(self) -> Envelope:
        """Return the envelope as it stands."""
        wishes = self.parameters
        return Envelope(
            self.reverse_path,
            tuple(self.recipients),
            wishes.body,
            wishes.smtputf8,
            wishes.ret,
            wishes.envid,
            wishes.requiretls,
            wishes.hold,
            wishes.priority,
            wishes.deliver_by,
        )


class SessionFacts(Protocol):
    """What a handler may know about its session; all of it changes as the session goes on.

    Attributes:
        session_id: unique name of the session.
        peer, local: the two ends.
        hello_name: what the client calls itself; "" before EHLO.
        protocol: the word for Received: "ESMTP", "ESMTPS", "LMTP" ... (RFC 3848).
        user: the login, "" without one.
        auth_mechanisms: SASL mechanisms that are offered under TLS.
        tls: what the handshake agreed on, or None.
        transaction: the running transaction, or None.
        is_trusted: the client's address is exempt from the limits for strangers.
    """

    session_id: str
    peer: Endpoint
    local: Endpoint
    user: str
    auth_mechanisms: tuple[str, ...]
    tls: TlsInfo | None
    transaction: Transaction | None
    is_trusted: bool

    @property
    def hello_name(self) -> str:
        """What the client calls itself."""
        ...

    @property
    def protocol(self) -> str:
        """The word for Received."""
        ...


class Handler:
    """Takes everything and hands each whole message to `message`; override what you care about.

    The replies to choose from are in `mailrail.reply`, each with its codes; `.with_text` changes the words:

        from mailrail import reply as say

        class Members(Handler):
            def rcpt(self, transaction: Transaction, recipient: Recipient) -> Answer:
                if recipient.forward_path.domain != "example.org":
                    return say.RELAY_DENIED
                return say.RECIPIENT_OK

    A method that raises is answered 451 4.3.0, and the bus of the server is told SessionFailed, with the trace.
    """

    def __init__(self, session: SessionFacts) -> None:
        self.session = session
        self._content: list[bytes] = []

    def connect(self) -> Answer:
        """Greet, or refuse with 421, 521 or 554 (RFC 5321 §3.1)."""
        return say.GREETING

    def hello(self, name: str) -> Answer:
        """Accept EHLO, HELO or LHLO with HELLO; the extensions are added by the session."""
        return say.HELLO

    def auth(self, mechanism: str, initial: bytes | None) -> Answer:
        """Begin a SASL exchange: AUTH_CONTINUE with a base64 challenge as text, AUTH_DONE, or a refusal.

        `AuthExchange` does it all; who answers AUTH_DONE without it sets `session.user` to the login before.
        Only asked on a Port with `auth_mechanisms`, and under TLS.

        Args:
            mechanism: in capitals, one of those offered.
            initial: the initial response, base64 decoded, or None if the client waits for a challenge.
        """
        return say.UNKNOWN_MECHANISM

    def auth_response(self, response: bytes) -> Answer:
        """Go on with the exchange: *response* is base64 decoded."""
        return say.AUTH_FAILED

    def mail(self, transaction: Transaction) -> Answer:
        """Accept a sender with SENDER_OK."""
        return say.SENDER_OK

    def rcpt(self, transaction: Transaction, recipient: Recipient) -> Answer:
        """Accept a recipient with RECIPIENT_OK; it is added to the transaction after that."""
        return say.RECIPIENT_OK

    def data(self, transaction: Transaction) -> Answer:
        """Accept content with START_DATA."""
        self._content.clear()
        return say.START_DATA

    def chunk(self, content: bytes) -> Awaitable[None] | None:
        """Take content; an awaitable makes the client wait (backpressure)."""
        self._content.append(content)
        return None

    def end(self, transaction: Transaction) -> EndAnswer:
        """Answer the end of data; by LMTP one reply for all, or a sequence of one for each recipient."""
        return self.message(transaction.envelope(), self.content())

    def content(self) -> bytes:
        """Return what `chunk` has collected, once: for an `end` of your own."""
        content = b"".join(self._content)
        self._content.clear()
        return content

    async def message(self, envelope: Envelope, content: bytes) -> Reply:
        """Take a whole message: CRLF line ends, dots removed, no header added.

        Answering positively means taking responsibility for it (RFC 5321 §6.1).
        """
        return say.DONE

    def verify(self, text: str) -> Answer:
        """Answer VRFY (RFC 5321 §7.3)."""
        return say.CANNOT_VERIFY

    def reset(self) -> None:
        """Forget the transaction: RSET, a refused message, a new EHLO, or the end of the session.

        Not called for a message that `end` has begun to take, unless that raised.
        """
        self._content.clear()

    def closed(self) -> None:
        """Know that the session has ended; a running transaction was reset before."""
