"""What the events say of why a command was refused, and why a session ended."""

import pytest
from tests.unit.server.lobby import LOST, STRANGER, make_lobby, play, turns

from mailrail.model import Recipient
from mailrail.model import reply as say
from mailrail.server import Answer, Handler, Transaction
from mailrail.server.events import CommandRefused, SessionClosed


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"QUIT\r\n", "quit"),
        (b"GET / HTTP/1.1\r\n", "521 5.5.1"),
        (b"RSET\r\n" * 60, "421 4.7.0"),
    ],
)
def test_a_session_that_we_end_says_by_which_words(said: bytes, reason: str) -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        client = lobby.greeted()
        client.say(said)
        await turns()
        (event,) = lobby.told(SessionClosed)
        assert isinstance(event, SessionClosed)
        assert event.reason.startswith(reason), event.reason
        await lobby.server.stop()

    play(scenario)


def test_a_client_that_is_lost_or_leaves_is_told_apart() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        lobby.greeted().leave()
        lobby.greeted().leave(LOST)
        await turns()
        reasons = [event.reason for event in lobby.told(SessionClosed) if isinstance(event, SessionClosed)]
        assert reasons == ["closed by the client", str(LOST)]
        await lobby.server.stop()

    play(scenario)


def test_every_refusal_is_told_once_whoever_refused() -> None:
    class Picky(Handler):
        def rcpt(self, transaction: Transaction, recipient: Recipient) -> Answer:
            return say.NO_SUCH_USER

    async def scenario() -> None:
        lobby = make_lobby(Picky)
        client = lobby.greeted()
        client.say(b"MAIL FROM:<a@b@c>\r\nMAIL FROM:<> SIZE=99999999999\r\n")
        client.say(b"MAIL FROM:<>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n")
        told = [event for event in lobby.events if isinstance(event, CommandRefused)]
        assert [(event.step, event.reply[:9]) for event in told] == [
            ("command", "501 5.1.7"),
            ("command", "552 5.3.4"),
            ("Rcpt", "550 5.1.1"),
            ("command", "554 5.5.1"),
        ]
        assert {event.client for event in told} == {STRANGER}
        await lobby.server.stop()

    play(scenario)
