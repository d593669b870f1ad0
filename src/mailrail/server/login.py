"""Floor 2 · server — AUTH for a Handler: SASL mechanisms on one side, SMTP replies on the other (RFC 4954).

Who may log in, a `Verifier` knows: a file, a database, another server. A Handler joins the two in a few lines:

    class Submission(Handler):
        def auth(self, mechanism: str, initial: bytes | None) -> Answer:
            self.login = AuthExchange(mechanism, USERS, self.session)      # anew each time (CVE-2011-1720)
            return self.login.start(initial)

        def auth_response(self, response: bytes) -> Answer:
            return self.login.step(response)

The core has already refused what is not offered (504), comes without TLS (538), is no base64 or cancelled (501) or too
long (500). What a client hears of a refusal is the verifier's reply and nothing else, whatever the reason was.
"""

from base64 import b64encode
from typing import Final, Protocol

from mailrail import sasl
from mailrail.model import LocalProtocolError, Reply, Rng, system_rng
from mailrail.model import reply as say
from mailrail.net import Identity, end_point_binding
from mailrail.sasl import (
    Challenge,
    CheckCertificate,
    CheckPassword,
    CheckToken,
    Failure,
    FindKeys,
    KeyRecord,
    Question,
    Step,
    Success,
)
from mailrail.server.handler import Answer, SessionFacts

_LEAST_SECRET: Final = 16  # octets; less could be tried out
_CHALLENGE_OCTETS: Final = 378  # in base64, as much as a reply line has room for (RFC 5321 §4.5.3.1.5)


class Verifier(Protocol):
    """Says who somebody is; inherit from it and write the methods for the mechanisms that you offer.

    Each answers with the login name that the session is to have, or with the refusal: AUTH_FAILED; AUTH_UNAVAILABLE
    when the store is out of order; AUTH_TOO_WEAK where only a stronger mechanism will do for this user. The same refusal
    after the same time must come for a user that does not exist as for a wrong password.

    Attributes:
        secret: for SCRAM: at least 16 octets that nobody else knows, the same for all sessions and better for
            ever: they make the challenges to users that do not exist.
    """

    secret: bytes = b""

    async def verify_password(self, user: str, password: str) -> str | Reply:
        """Check a password, for PLAIN and LOGIN; both are prepared by PRECIS (RFC 8265), the case of *user* is kept."""
        return say.AUTH_FAILED

    async def scram_keys(self, user: str, digest: str) -> KeyRecord | Reply | None:
        """Find the keys of a user, for SCRAM; None if it does not exist, or has none.

        Args:
            user: prepared by SASLprep (RFC 4013).
            digest: "sha256", or "sha1" where SCRAM-SHA-1 is offered.
        """
        return None

    async def verify_token(self, user: str, token: str) -> str | Reply:
        """Check an access token, for OAUTHBEARER and XOAUTH2, and that its bearer may be *user* ("": says the token)."""
        return say.AUTH_FAILED

    async def verify_certificate(self, user: str, identity: Identity) -> str | Reply:
        """Tell whether the owner of a verified client certificate may be *user* ("": says the certificate)."""
        return say.AUTH_FAILED


class AuthExchange:
    """One exchange, from AUTH to 235 or a refusal; `session.user` is set before 235 is answered.

    Attributes:
        mechanism: its name.
        claimed: whom the client says it is, "" as long as it has not said.
        failure: why it failed, for the operator; "" as long as it has not. Never contains a secret.
    """

    def __init__(
        self, mechanism: str, verifier: Verifier, session: SessionFacts, *, rng: Rng | None = None
    ) -> None:
        """Begin.

        Args:
            mechanism: as the client named it, in capitals.
            verifier: who knows who may log in.
            session: the session that it is for.
            rng: one that nobody can predict; default: the system's.

        Raises:
            LocalProtocolError: SCRAM is offered by a verifier without a *secret*.
        """
        if mechanism.startswith("SCRAM") and len(verifier.secret) < _LEAST_SECRET:
            raise LocalProtocolError(f"{mechanism} needs a verifier with a secret of {_LEAST_SECRET} octets")
        self.mechanism = mechanism
        self.claimed = ""
        self.failure = ""
        self._verifier = verifier
        self._session = session
        self._last: Reply | None = None  # what is answered once the client has taken the last challenge
        self._user = ""
        own = session.tls.own_certificate if session.tls is not None else None
        facts = sasl.ServerFacts(
            offered=session.auth_mechanisms,
            binding=end_point_binding(own),
            nonce=sasl.make_nonce(rng or system_rng()),
            secret=verifier.secret,
        )
        self._exchange = sasl.server_exchange(mechanism, facts)

    def start(self, initial: bytes | None) -> Answer:
        """Take AUTH with or without an initial response: what `Handler.auth` answers."""
        if self._exchange is None:
            return say.UNKNOWN_MECHANISM
        return self._go(self._exchange, self._exchange.step(initial))

    def step(self, response: bytes) -> Answer:
        """Take a response: what `Handler.auth_response` answers."""
        if self._last is not None:
            return self._end(response, self._last)
        assert self._exchange is not None, "a response to nothing"
        return self._go(self._exchange, self._exchange.step(response))

    def _go(self, exchange: sasl.ServerExchange, step: Step) -> Answer:
        if isinstance(step, Challenge | Success | Failure):
            return self._say(step)
        return self._ask(exchange, step)

    async def _ask(self, exchange: sasl.ServerExchange, question: Question) -> Reply:
        self.claimed = question.user
        answer = await self._answer(question)
        if answer == "" or (isinstance(answer, Reply) and answer.is_positive):
            raise LocalProtocolError(f"a verifier answers with a login name or a refusal, not {answer!r}")
        if isinstance(answer, Reply):
            if answer.code != say.AUTH_FAILED.code:
                return self._refused(answer, str(answer))
            answer = None
        step = exchange.tell(answer)
        assert isinstance(step, Challenge | Success | Failure), "no mechanism asks twice in a row"
        return self._say(step)

    async def _answer(self, question: Question) -> str | KeyRecord | Reply | None:
        verifier = self._verifier
        match question:
            case CheckPassword(user, password):
                return await verifier.verify_password(user, password)
            case FindKeys(user, digest):
                return await verifier.scram_keys(user, digest)
            case CheckToken(user, token):
                return await verifier.verify_token(user, token)
            case CheckCertificate(user):
                identity = self._session.tls.peer_identity if self._session.tls is not None else None
                return None if identity is None else await verifier.verify_certificate(user, identity)

    def _say(self, step: Challenge | Success | Failure) -> Reply:
        match step:
            case Challenge(data):
                return _challenge(data)
            case Success(user, data):
                self._user = user
                reply = say.AUTH_DONE
            case Failure(reason, data):
                self.failure = reason
                reply = say.AUTH_FAILED
        if not data:
            return self._end(b"", reply)
        # RFC 4954 §4: 235 has no room for data, so they come as one more challenge.
        self._last = reply
        return _challenge(data)

    def _end(self, response: bytes, reply: Reply) -> Reply:
        """Answer for good; a success only to the empty response that is owed after data."""
        if reply.is_positive:
            if response:
                return self._refused(say.AUTH_FAILED, "something said behind the end")
            self._session.user = self._user
        return reply

    def _refused(self, reply: Reply, reason: str) -> Reply:
        self.failure = reason
        return reply


def _challenge(data: bytes) -> Reply:
    assert len(data) <= _CHALLENGE_OCTETS, "a challenge that no reply line can carry"
    return say.AUTH_CONTINUE.with_text(b64encode(data).decode())
