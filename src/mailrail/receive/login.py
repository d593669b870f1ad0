"""Floor 4 · receive — one login: an exchange with the directory, watched for those who guess (A35).

Whatever the reason, a failure is answered at the same moment: so long after the question as the count of failures says, which is longer
than any check takes. So neither the words nor the time tell a wrong password from a user who does not exist.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailrail.directory import Asker, Directory, User, login_name
from mailrail.model import Reply
from mailrail.model import reply as say
from mailrail.net import Identity
from mailrail.observe import Bus
from mailrail.policy import Guessing, Members, Tried
from mailrail.receive.events import LoggedIn, LoginLocked, LoginRefused
from mailrail.sasl import KeyRecord, PreparationError
from mailrail.server import Answer, AuthExchange, SessionFacts, Verifier


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Who decides about logins: those who know the users, who count failures, and who say what members may."""

    directory: Directory
    guessing: Guessing
    members: Members
    bus: Bus


class _Gate(Verifier):
    """Asks the directory, unless the account is locked.

    Attributes:
        tried: what the client tries, as far as it has said.
        locked_s: how long the account is locked; the directory was not asked.
    """

    def __init__(self, asker: Asker, guessing: Guessing, client: str) -> None:
        self.secret = asker.secret
        self.tried = Tried(client)
        self.locked_s = 0.0
        self._asker = asker
        self._guessing = guessing

    def _is_locked(self, user: str, secret: str = "") -> bool:
        try:
            name = login_name(user) if user else ""
        except PreparationError:
            name = ""
        digest = self._guessing.digest(name, secret) if secret else ""
        self.tried = Tried(self.tried.client, name, digest)
        self.locked_s = self._guessing.account_wait_s(self.tried)
        return self.locked_s > 0

    async def verify_password(self, user: str, password: str) -> str | Reply:
        """Check a password."""
        if self._is_locked(user, password):
            return say.AUTH_LOCKED
        return await self._asker.verify_password(user, password)

    async def scram_keys(self, user: str, digest: str) -> KeyRecord | Reply | None:
        """Find the keys of a user."""
        if self._is_locked(user):
            return say.AUTH_LOCKED
        return await self._asker.scram_keys(user, digest)

    async def verify_token(self, user: str, token: str) -> str | Reply:
        """Find the user whose token it is.

        Nobody guesses one, so no account is locked for it; a program that goes on showing an old one counts once an hour.
        """
        self.tried = Tried(self.tried.client, digest=self._guessing.digest("", token))
        return await self._asker.verify_token(user, token)

    async def verify_certificate(self, user: str, identity: Identity) -> str | Reply:
        """Find the user whom a certificate names; there is nothing to guess about one."""
        return await self._asker.verify_certificate(user, identity)


class Login:
    """One exchange of one session; `done` hears who it is before the client does."""

    def __init__(
        self, mechanism: str, keeper: Doorkeeper, session: SessionFacts, done: Callable[[User], None]
    ) -> None:
        self._keeper = keeper
        self._asker = keeper.directory.asker()
        self._gate = _Gate(self._asker, keeper.guessing, session.peer.host)
        self._exchange = AuthExchange(mechanism, self._gate, session)
        self._session = session
        self._done = done

    def start(self, initial: bytes | None) -> Answer:
        """Take AUTH."""
        locked_s = self._keeper.guessing.client_wait_s(self._session.peer.host)
        if locked_s:
            self._tell_locked("", locked_s)
            return say.TOO_MANY_LOGINS
        return self._watch(self._exchange.start(initial))

    def step(self, response: bytes) -> Answer:
        """Take a response."""
        return self._watch(self._exchange.step(response))

    def _watch(self, answer: Answer) -> Answer:
        if isinstance(answer, Reply) and answer.is_positive:
            return self._ended(answer)
        return self._wait(answer)

    async def _wait(self, answer: Answer) -> Reply:
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        reply = self._ended(await answer if isinstance(answer, Awaitable) else answer)
        if not reply.is_positive:
            late_s = self._failed(reply)
            await asyncio.sleep(max(asked_s + late_s - loop.time(), 0))
        return reply

    def _ended(self, reply: Reply) -> Reply:
        if not reply.is_positive or reply.code == say.AUTH_CONTINUE.code:
            return reply
        assert self._asker.found is not None, "a login of nobody"
        session = self._session
        self._keeper.guessing.succeeded(Tried(session.peer.host, self._asker.found.name))
        self._done(self._asker.found)
        self._keeper.bus.emit(
            LoggedIn(
                session=session.session_id,
                client=session.peer.host,
                mechanism=self._exchange.mechanism,
                user=session.user,
            )
        )
        return reply

    def _failed(self, reply: Reply) -> float:
        """Count and tell a failure; return how late it is answered."""
        session, exchange, guessing = self._session, self._exchange, self._keeper.guessing
        self._keeper.bus.emit(
            LoginRefused(
                session=session.session_id,
                client=session.peer.host,
                mechanism=exchange.mechanism,
                claimed=exchange.claimed,
                reason=self._asker.trouble or exchange.failure,
                reply=str(reply),
            )
        )
        if self._gate.locked_s:
            self._tell_locked(self._gate.tried.account, self._gate.locked_s)
        if reply.code != say.AUTH_FAILED.code:
            return guessing.settings.first_delay_s  # nothing was found out, neither by us nor by the client
        late_s = guessing.failed(self._gate.tried)
        if wait_s := guessing.client_wait_s(session.peer.host):
            self._tell_locked("", wait_s)
        elif wait_s := guessing.account_wait_s(self._gate.tried):
            self._tell_locked(self._gate.tried.account, wait_s)
        return late_s

    def _tell_locked(self, account: str, seconds: float) -> None:
        session = self._session
        self._keeper.bus.emit(
            LoginLocked(
                session=session.session_id, client=session.peer.host, account=account, seconds=round(seconds)
            )
        )
