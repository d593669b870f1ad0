"""How sessions end: by the client, by us, in the middle of anything (A43, A44)."""

import asyncio
from collections.abc import Callable

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.unit.server.lobby import LETTER, LOST, Door, make_lobby, play, turns

from mailrail.model import NetError, NetTrouble, Reply
from mailrail.model import reply as say
from mailrail.net import Connection, Endpoint, Listener
from mailrail.server import Answer, EndAnswer, Handler, HandlerFactory, Server, Session, Transaction
from mailrail.server.events import SessionClosed, SessionFailed
from mailrail.sim import simulate


class Slow(Handler):
    """Takes its time over messages, and writes down how they and the sessions ended."""

    seconds = 5.0

    def __init__(self, session: Session, log: list[str]) -> None:
        super().__init__(session)
        self.log = log

    def end(self, transaction: Transaction) -> EndAnswer:
        return self._commit()

    async def _commit(self) -> Reply:
        await asyncio.sleep(self.seconds)
        self.log.append("kept")
        return say.DONE

    def reset(self) -> None:
        self.log.append("reset")

    def closed(self) -> None:
        self.log.append("closed")


def slow(log: list[str]) -> HandlerFactory:
    class Logged(Slow):
        def __init__(self, session: Session) -> None:
            super().__init__(session, log)

    return Logged


@pytest.mark.parametrize("error", [None, LOST])
def test_a43_a_client_that_goes_between_dot_and_reply_does_not_lose_the_message(
    error: NetError | None,
) -> None:
    log: list[str] = []

    async def scenario() -> None:
        lobby = make_lobby(slow(log))
        client = lobby.greeted()
        client.say(LETTER)
        client.say(b"text\r\n.\r\n")
        client.heard()
        client.leave(error)
        assert log == ([] if error is None else ["closed"])
        await asyncio.sleep(6)
        assert log == (["kept", "closed"] if error is None else ["closed", "kept"])
        assert client.heard() == ("250 2.0.0 Ok\n" if error is None else "")
        assert client.is_closed
        assert lobby.server.session_count == 0
        await lobby.server.stop()

    play(scenario)


def test_a43_quit_behind_the_dot_is_answered_after_it() -> None:
    log: list[str] = []

    async def scenario() -> None:
        lobby = make_lobby(slow(log))
        client = lobby.greeted()
        client.say(LETTER)
        client.heard()
        client.say(b"text\r\n.\r\nQUIT\r\n")
        client.leave()
        await asyncio.sleep(6)
        assert log == ["kept", "closed"]
        assert client.heard() == "250 2.0.0 Ok\n221 2.0.0 Bye\n"
        await lobby.server.stop()

    play(scenario)


def test_a43_all_that_came_before_a_half_close_is_answered() -> None:
    log: list[str] = []

    async def scenario() -> None:
        lobby = make_lobby(slow(log))
        client = lobby.greeted("10.0.0.7")
        client.say(2 * (LETTER + b"text\r\n.\r\n"))
        client.is_full = True
        client.leave()
        await asyncio.sleep(11)
        assert log == ["kept", "kept", "closed"]
        assert client.heard().count("250 2.0.0 Ok") == 2
        assert client.is_closed
        await lobby.server.stop()

    play(scenario)


@pytest.mark.parametrize("error", [None, LOST])
@pytest.mark.parametrize("said", [b"", b"NOOP", LETTER, LETTER + b"x", b"MAIL FROM:<ann@example.org>\r\n"])
def test_a_client_that_goes_is_closed_and_forgotten(said: bytes, error: NetError | None) -> None:
    log: list[str] = []

    async def scenario() -> None:
        lobby = make_lobby(slow(log))
        client = lobby.greeted("10.0.0.7")
        client.say(said)
        client.leave(error)
        assert client.is_closed
        assert lobby.server.session_count == 0
        assert log[-1] == "closed"
        assert ("reset" in log) == (b"MAIL" in said)
        (closed,) = lobby.told(SessionClosed)
        assert isinstance(closed, SessionClosed)
        assert closed.reason == ("closed by the client" if error is None else str(LOST))
        await lobby.server.stop()

    play(scenario)


def test_work_for_a_client_that_is_lost_is_cancelled_unless_it_is_a_message() -> None:
    ended: list[str] = []

    class Asking(Handler):
        def mail(self, transaction: Transaction) -> Answer:
            return self._ask()

        async def _ask(self) -> Reply:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise
            return say.SENDER_OK

    async def scenario() -> None:
        lobby = make_lobby(Asking)
        client = lobby.greeted()
        client.say(b"MAIL FROM:<ann@example.org>\r\n")
        await turns()
        client.leave(LOST)
        await turns()
        assert ended == ["cancelled"]
        await lobby.server.stop()

    play(scenario)


def test_a_message_that_fails_after_the_client_has_gone_is_still_told() -> None:
    class Failing(Handler):
        async def _fail(self) -> Reply:
            await asyncio.sleep(1)
            raise ZeroDivisionError

        def end(self, transaction: Transaction) -> EndAnswer:
            return self._fail()

    async def scenario() -> None:
        lobby = make_lobby(Failing)
        client = lobby.greeted()
        client.say(LETTER)
        client.say(b".\r\n")
        client.leave(LOST)
        await asyncio.sleep(2)
        assert len(lobby.told(SessionFailed)) == 1
        await lobby.server.stop()

    play(scenario)


def test_a44_the_idle_hear_421_at_once_and_a_running_message_is_finished() -> None:
    log: list[str] = []

    async def scenario() -> None:
        lobby = make_lobby(slow(log))
        idle, writing = lobby.greeted(), lobby.greeted()
        writing.say(LETTER)
        writing.heard()
        stopping = asyncio.ensure_future(lobby.server.stop(30))
        await turns()
        assert lobby.door.listener.is_closed
        assert idle.heard() == "421 4.3.2 Service shutting down, try again soon\n"
        assert idle.is_closed
        writing.say(b"text\r\n.\r\n")
        await asyncio.sleep(6)
        assert writing.heard() == "250 2.0.0 Ok\n421 4.3.2 Service shutting down, try again soon\n"
        assert log == ["closed", "kept", "closed"]
        await stopping

    play(scenario)


def test_a44_who_does_not_finish_within_the_grace_hears_421_too() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        client = lobby.greeted()
        client.say(LETTER)
        client.heard()
        began = asyncio.get_running_loop().time()
        await lobby.server.stop(10)
        assert asyncio.get_running_loop().time() - began == 10
        assert client.heard() == "421 4.3.2 Service shutting down, try again soon\n"
        assert lobby.server.session_count == 0

    play(scenario)


def test_a44_a_connection_that_was_accepted_before_the_stop_is_turned_away() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        await lobby.server.stop()
        late = lobby.arrive()
        assert late.heard() == "421 4.3.2 Service shutting down, try again soon\n"
        assert late.is_closed

    play(scenario)


def test_a44_a_session_whose_greeting_is_still_thought_about_is_drained_too() -> None:
    class Thoughtful(Handler):
        async def _connect(self) -> Reply:
            await asyncio.sleep(1)
            return say.GREETING

        def connect(self) -> Answer:
            return self._connect()

    async def scenario() -> None:
        lobby = make_lobby(Thoughtful)
        client = lobby.arrive()
        await lobby.server.stop(10)
        assert client.heard() == "220 ESMTP\n421 4.3.2 Service shutting down, try again soon\n"

    play(scenario)


def test_a_server_that_cannot_listen_leaves_nothing_running() -> None:
    class Taken(Door):
        def listen(
            self, endpoint: Endpoint, accept: Callable[[Connection], None], *, unix_mode: int = 0o600
        ) -> Listener:
            raise NetError(NetTrouble.OTHER, "address already in use")

    async def scenario() -> None:
        server = Server(Handler, hostname="mx.example", listen="192.0.2.25:25", network=Taken())
        with pytest.raises(NetError):
            server.start()
        assert server._sweeper is None

    play(scenario)


def is_watching(server: Server) -> bool:
    return server._sweeper is not None


def test_a_server_with_nobody_in_it_sets_no_timers() -> None:
    async def scenario() -> None:
        network = MemoryNetwork()
        server = Server(Handler, hostname="mx.example", listen="192.0.2.25:25", network=network)
        server.start()
        assert not is_watching(server)
        client = await network.connect(Endpoint("192.0.2.25", 25), timeout_s=1)
        await asyncio.sleep(100)
        assert is_watching(server)
        client.close()
        await asyncio.sleep(100)
        assert not is_watching(server)
        await server.stop()

    simulate(scenario())
