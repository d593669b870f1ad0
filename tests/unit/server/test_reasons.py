"""What SessionClosed says of why a session ended."""

import pytest
from tests.unit.server.lobby import LOST, make_lobby, play, turns

from mailrail.server.events import SessionClosed


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
