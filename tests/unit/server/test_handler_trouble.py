"""What a handler does wrong costs one reply, never the session's books, never the server (STYLE §18)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.unit.server.lobby import FRIEND, LETTER, LOST, Lobby, make_lobby, play, turns

from mailrail.model import Recipient, Reply
from mailrail.model import reply as say
from mailrail.server import (
    Answer,
    EndAnswer,
    Handler,
    LimitSettings,
    Session,
    SessionFacts,
    TimeoutSettings,
    Transaction,
)
from mailrail.server.events import SessionFailed
from mailrail.smtp import ServerConnection

SCRIPT = (
    b"EHLO client.example\r\n",
    b"MAIL FROM:<ann@example.org>\r\n",
    b"RCPT TO:<bob@example.net>\r\n",
    b"DATA\r\n",
    b"Subject: hi\r\n",
    b"\r\ntext\r\n.\r\n",
    b"RSET\r\n",
    b"VRFY bob\r\n",
    b"NOOP\r\n",
    b"QUIT\r\n",
)


class Clumsy(Handler):
    """Raises, or answers nonsense, at one step."""

    step = ""
    kind = ""

    def _stumble(self, step: str, answer: Answer) -> Answer:
        if step != self.step:
            return answer
        if self.kind == "raises":
            raise ZeroDivisionError(step)
        if self.kind == "raises later":
            return self._later()
        if self.kind == "gives None":
            return None  # type: ignore[return-value]
        if self.kind == "gives None later":
            return self._none()  # type: ignore[return-value]
        return "250 fine"  # type: ignore[return-value]

    async def _later(self) -> Reply:
        await asyncio.sleep(1)
        raise ZeroDivisionError(self.step)

    async def _none(self) -> None:
        await asyncio.sleep(1)

    def connect(self) -> Answer:
        return self._stumble("connect", say.GREETING)

    def hello(self, name: str) -> Answer:
        return self._stumble("hello", say.HELLO)

    def mail(self, transaction: Transaction) -> Answer:
        return self._stumble("mail", say.SENDER_OK)

    def rcpt(self, transaction: Transaction, recipient: Recipient) -> Answer:
        return self._stumble("rcpt", say.RECIPIENT_OK)

    def data(self, transaction: Transaction) -> Answer:
        return self._stumble("data", say.START_DATA)

    def end(self, transaction: Transaction) -> EndAnswer:
        return self._stumble("end", say.DONE)

    def verify(self, text: str) -> Answer:
        return self._stumble("verify", say.CANNOT_VERIFY)


def one_that(step: str, kind: str) -> Callable[[Session], Handler]:
    def make(session: Session) -> Handler:
        handler = Clumsy(session)
        handler.step, handler.kind = step, kind
        return handler

    return make


async def hold(lobby: Lobby) -> list[str]:
    client, lines = lobby.arrive(), []
    await asyncio.sleep(2)
    lines.append(client.heard())
    for line in SCRIPT:
        client.say(line)
        await asyncio.sleep(2)
        lines.append(client.heard())
    assert client.is_closed
    assert lobby.server.session_count == 0
    return lines


@pytest.mark.parametrize(
    "kind", ["raises", "raises later", "gives None", "gives None later", "gives nonsense"]
)
@pytest.mark.parametrize("step", ["connect", "hello", "mail", "rcpt", "data", "end", "verify"])
def test_a_step_that_goes_wrong_is_answered_451_and_told(step: str, kind: str) -> None:
    async def scenario() -> None:
        lobby = make_lobby(one_that(step, kind), limits=LimitSettings(soft_errors=100, errors=100))
        lines = await hold(lobby)
        code = "421 4.3.0" if step == "connect" else "451 4.3.0"
        assert any(line.startswith(code) for line in lines), lines
        assert len(lobby.told(SessionFailed)) == 1
        assert lobby.arrive() is not None
        await turns()
        await lobby.server.stop(0)

    play(scenario)


def test_a_handler_that_cannot_be_made_is_answered_421_and_leaves_no_trace() -> None:
    def broken(session: Session) -> Handler:
        raise ZeroDivisionError

    async def scenario() -> None:
        lobby = make_lobby(broken, limits=LimitSettings(connections_per_client=1))
        for _ in range(3):
            client = lobby.arrive()
            assert client.heard() == "421 4.3.0 Internal error, try again later\n"
            assert client.is_closed
        assert len(lobby.told(SessionFailed)) == 3
        await lobby.server.stop()

    play(scenario)


def test_a_handler_that_says_250_to_data_is_told_and_the_client_is_not_left_waiting() -> None:
    class Hasty(Handler):
        def data(self, transaction: Transaction) -> Answer:
            return say.DONE

    async def scenario() -> None:
        lobby = make_lobby(Hasty)
        client = lobby.greeted()
        client.say(LETTER)
        assert client.last() == "421 4.3.0 Internal error, try again later"
        assert client.is_closed
        (failed,) = lobby.told(SessionFailed)
        assert isinstance(failed, SessionFailed)
        assert (failed.step, failed.trace) == ("DataStart", "DATA wants 354 or a refusal, not 250 2.0.0 Ok")
        await lobby.server.stop()

    play(scenario)


def test_a_bug_in_the_core_ends_the_session_with_421_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(core: ServerConnection, data: bytes) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        lobby = make_lobby()
        client = lobby.greeted()
        with monkeypatch.context() as patch:
            patch.setattr(ServerConnection, "next_event", broken)
            client.say(b"NOOP\r\n")
        assert client.heard() == "421 4.3.0 Internal error, try again later\n"
        assert client.is_closed
        assert [event.step for event in lobby.events if isinstance(event, SessionFailed)] == ["core"]
        await lobby.server.stop()

    play(scenario)


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("is_whole", [False, True])
def test_content_that_cannot_be_taken_is_answered_at_its_end_and_ends_the_session_before(
    is_late: bool, is_whole: bool
) -> None:
    resets: list[str] = []

    class Full(Handler):
        def reset(self) -> None:
            resets.append("reset")

        def chunk(self, content: bytes) -> Awaitable[None] | None:
            if not is_late:
                raise OSError("no")
            return self._later()

        async def _later(self) -> None:
            await asyncio.sleep(1)
            raise OSError("no")

    async def scenario() -> None:
        lobby = make_lobby(Full)
        client = lobby.greeted()
        client.say(LETTER)
        client.heard()
        client.say(b"text\r\n.\r\n" if is_whole else b"text\r\n")
        await asyncio.sleep(2)
        code = 451 if is_whole else 421
        assert client.heard() == f"{code} 4.3.0 Internal error, try again later\n"
        assert client.is_closed is not is_whole
        assert resets == ["reset"]
        assert len(lobby.told(SessionFailed)) == 1
        await lobby.server.stop(0)

    play(scenario)


def test_reset_and_closed_that_raise_are_told_and_the_session_is_forgotten() -> None:
    class Untidy(Handler):
        def reset(self) -> None:
            raise ZeroDivisionError

        def closed(self) -> None:
            raise ZeroDivisionError

    async def scenario() -> None:
        lobby = make_lobby(Untidy, limits=LimitSettings(connections_per_client=1))
        for _ in range(2):
            client = lobby.greeted()
            client.say(b"MAIL FROM:<ann@example.org>\r\nEHLO client.example\r\n")
            client.say(b"MAIL FROM:<ann@example.org>\r\n")
            client.leave()
            assert lobby.server.session_count == 0
        assert len(lobby.told(SessionFailed)) == 6
        await lobby.server.stop()

    play(scenario)


def test_an_end_that_raises_is_followed_by_a_reset_one_that_refuses_is_not() -> None:
    resets: list[str] = []

    class Picky(Handler):
        def end(self, transaction: Transaction) -> EndAnswer:
            if transaction.reverse_path is None:
                raise ZeroDivisionError
            return say.TRANSACTION_FAILED

        def reset(self) -> None:
            resets.append("reset")

    async def scenario() -> None:
        lobby = make_lobby(Picky)
        client = lobby.greeted()
        client.say(LETTER)
        client.say(b".\r\n")
        assert client.last().startswith("554 5.0.0")
        assert resets == []
        client.say(LETTER.replace(b"ann@example.org", b""))
        client.say(b".\r\n")
        assert client.last().startswith("451 4.3.0")
        assert resets == ["reset"]
        await lobby.server.stop(0)
        assert resets == ["reset"]

    play(scenario)


def test_replies_for_each_recipient_are_for_lmtp_only() -> None:
    class Each(Handler):
        def end(self, transaction: Transaction) -> EndAnswer:
            return [say.DONE, say.STORE_FAILED]

    async def scenario() -> None:
        for is_lmtp in (True, False):
            lobby = make_lobby(Each, is_lmtp=is_lmtp)
            client = lobby.arrive()
            client.say(b"LHLO client.example\r\n" if is_lmtp else b"EHLO client.example\r\n")
            client.say(LETTER.replace(b"DATA", b"RCPT TO:<eve@example.net>\r\nDATA"))
            client.heard()
            client.say(b".\r\n")
            said = client.heard().splitlines()
            assert [line[:9] for line in said] == (["250 2.0.0", "451 4.3.0"] if is_lmtp else ["451 4.3.0"])
            await lobby.server.stop(0)

    play(scenario)


def test_a_greeting_that_puts_the_client_off_is_421() -> None:
    class Busy(Handler):
        def connect(self) -> Answer:
            return say.STORE_FULL

    async def scenario() -> None:
        lobby = make_lobby(Busy)
        client = lobby.arrive()
        assert client.heard().startswith("421 4.3.1 ")
        assert client.is_closed
        await lobby.server.stop()

    play(scenario)


class Careful(Handler):
    """Takes its time for each piece of content, and notes what it is asked."""

    def __init__(self, session: SessionFacts) -> None:
        super().__init__(session)
        self.asked: list[str] = []

    async def _keep(self, content: bytes) -> None:
        self.asked.append("chunk begun")
        await asyncio.sleep(10)
        self._content.append(content)
        self.asked.append("chunk kept")

    def chunk(self, content: bytes) -> Awaitable[None] | None:
        return self._keep(content)

    def end(self, transaction: Transaction) -> EndAnswer:
        self.asked.append("end")
        return say.QUEUED


@pytest.mark.parametrize("command", [b"DATA\r\nlong\r\n.\r\n", b"BDAT 6 LAST\r\nlong\r\n"])
@pytest.mark.parametrize("why", ["it made mistakes", "it reads no replies"])
def test_content_that_is_waited_for_is_kept_before_its_end_is_answered(command: bytes, why: str) -> None:
    made: list[Careful] = []

    def factory(session: SessionFacts) -> Handler:
        made.append(Careful(session))
        return made[-1]

    async def scenario() -> None:
        lobby = make_lobby(factory, limits=LimitSettings(soft_errors=1, error_delay_s=2))
        client = lobby.arrive(FRIEND)
        client.say(b"EHLO client.example\r\n")
        client.is_full = why == "it reads no replies"
        mistakes = b"" if client.is_full else b"BAD\r\n"
        client.say(mistakes + b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n" + command)
        await asyncio.sleep(5)
        client.read_on()
        await asyncio.sleep(30)
        assert made[0].asked == ["chunk begun", "chunk kept", "end"]
        assert client.last() == "250 2.0.0 Queued"
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize("fails", ["", "chunk", "end"])
def test_a43_a_client_that_goes_while_the_last_content_is_taken_does_not_lose_the_message(
    fails: str,
) -> None:
    made: list[Careful] = []

    class Forgetful(Careful):
        def reset(self) -> None:
            self.asked.append("reset")

        async def _keep(self, content: bytes) -> None:
            await super()._keep(content)
            if fails == "chunk":
                raise OSError("no")

        def end(self, transaction: Transaction) -> EndAnswer:
            if fails == "end":
                raise OSError("no")
            return super().end(transaction)

    def factory(session: SessionFacts) -> Handler:
        made.append(Forgetful(session))
        return made[-1]

    async def scenario() -> None:
        lobby = make_lobby(factory)
        client = lobby.greeted()
        client.say(LETTER)
        client.say(b"text\r\n.\r\n")
        client.leave(LOST)
        await asyncio.sleep(11)
        assert made[0].asked == ["chunk begun", "chunk kept", "reset" if fails else "end"]
        assert len(lobby.told(SessionFailed)) == bool(fails)
        await lobby.server.stop(0)

    play(scenario)


def test_the_last_content_that_takes_too_long_is_refused_and_forgotten() -> None:
    made: list[Careful] = []

    class Stuck(Careful):
        async def _keep(self, content: bytes) -> None:
            await asyncio.sleep(1000)

        def reset(self) -> None:
            self.asked.append("reset")

    def factory(session: SessionFacts) -> Handler:
        made.append(Stuck(session))
        return made[-1]

    async def scenario() -> None:
        lobby = make_lobby(factory, timeouts=TimeoutSettings(processing_s=30))
        client = lobby.greeted()
        client.say(LETTER)
        client.heard()
        client.say(b"text\r\n.\r\n")
        await asyncio.sleep(33)
        assert client.heard() == "451 4.3.0 Took too long to process, try again later\n"
        assert made[0].asked == ["reset"]
        client.say(b"NOOP\r\n")
        assert client.heard() == "250 2.0.0 Ok\n"
        await lobby.server.stop(0)

    play(scenario)
