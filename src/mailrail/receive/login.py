"""Floor 4 · receive — one login: an exchange with the directory, and what is told of it."""

from collections.abc import Awaitable, Callable

from mailrail.directory import Directory, User
from mailrail.model import Reply
from mailrail.model import reply as say
from mailrail.observe import Bus
from mailrail.receive.events import LoggedIn, LoginRefused
from mailrail.server import Answer, AuthExchange, SessionFacts


class Login:
    """One exchange of one session; `done` hears who it is before the client does."""

    def __init__(
        self,
        mechanism: str,
        directory: Directory,
        session: SessionFacts,
        bus: Bus,
        done: Callable[[User], None],
    ) -> None:
        self._asker = directory.asker()
        self._exchange = AuthExchange(mechanism, self._asker, session)
        self._session = session
        self._bus = bus
        self._done = done

    def start(self, initial: bytes | None) -> Answer:
        """Take AUTH."""
        return self._watch(self._exchange.start(initial))

    def step(self, response: bytes) -> Answer:
        """Take a response."""
        return self._watch(self._exchange.step(response))

    def _watch(self, answer: Answer) -> Answer:
        return self._ended(answer) if isinstance(answer, Reply) else self._wait(answer)

    async def _wait(self, answer: Awaitable[Reply]) -> Reply:
        return self._ended(await answer)

    def _ended(self, reply: Reply) -> Reply:
        if reply.code == say.AUTH_CONTINUE.code:
            return reply
        exchange, session = self._exchange, self._session
        if reply.is_positive:
            assert self._asker.found is not None, "a login of nobody"
            self._done(self._asker.found)
            self._bus.emit(
                LoggedIn(
                    session=session.session_id,
                    client=session.peer.host,
                    mechanism=exchange.mechanism,
                    user=session.user,
                )
            )
        else:
            self._bus.emit(
                LoginRefused(
                    session=session.session_id,
                    client=session.peer.host,
                    mechanism=exchange.mechanism,
                    claimed=exchange.claimed,
                    reason=self._asker.trouble or exchange.failure,
                    reply=str(reply),
                )
            )
        return reply
