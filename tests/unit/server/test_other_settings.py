"""A server that is told to go by other settings: new sessions do, those that run keep what they began with."""

from ipaddress import ip_network

import pytest
from tests.unit.server.lobby import FRIEND, HERE, STRANGER, make_lobby, play, turns

from mailrail.model import Reply
from mailrail.model import reply as say
from mailrail.server import ConnectionGate, Handler, LimitSettings, Port, ServerSettings

MINE, YOURS = ip_network("192.0.2.0/24"), ip_network("198.51.100.0/24")


class Other(Handler):
    def connect(self) -> Reply:
        return say.GREETING.with_text("the other handler")


def test_new_sessions_go_by_them_and_old_ones_go_on() -> None:
    async def scenario() -> None:
        lobby = make_lobby()
        old = lobby.greeted()
        began_s = lobby.server.loop.time()
        lobby.server.use(
            ServerSettings(limits=LimitSettings(message_bytes=70_000)),
            (),
            [(Port(endpoint=HERE, requiretls=True), Other)],
        )
        await turns()
        old.say(b"MAIL FROM:<ann@example.org> SIZE=80000\r\n")
        assert old.last().startswith("250"), "it was offered more"
        new = lobby.arrive()
        assert "the other handler" in new.last()
        new.say(b"EHLO client.example\r\n")
        assert "250-SIZE 70000" in new.heard()
        assert lobby.server.has_session_from(began_s + 1)
        await lobby.server.stop(0)

    play(scenario)


def test_who_is_trusted_may_change_while_he_is_here() -> None:
    limits = LimitSettings(connections_per_client=2, connections_per_minute=100)
    gate = ConnectionGate(limits, (MINE,))
    for _ in range(5):
        assert gate.enter("192.0.2.1", 0.0) is None
        assert gate.enter("198.51.100.1", 0.0) is None or _ > 1
    gate.use(limits, (YOURS,), ())
    assert gate.enter("192.0.2.1", 0.0) is say.TOO_MANY_FROM_YOU
    assert gate.enter("198.51.100.1", 0.0) is None
    for _ in range(5):
        gate.leave("192.0.2.1")
    for _ in range(3):
        gate.leave("198.51.100.1")
    assert gate.total == 0
    assert gate.enter("192.0.2.1", 0.0) is None
    assert gate.enter("192.0.2.1", 0.0) is None
    assert gate.enter("192.0.2.1", 0.0) is say.TOO_MANY_FROM_YOU, (
        "nobody was forgotten, and nobody counted for ever"
    )


@pytest.mark.parametrize("host", [STRANGER, FRIEND])
def test_fewer_sessions_end_nobody(host: str) -> None:
    gate = ConnectionGate(LimitSettings(connections=10))
    for _ in range(5):
        assert gate.enter(host, 0.0) is None
    gate.use(LimitSettings(connections=5), (), ())
    assert gate.total == 5
    assert gate.enter(host, 0.0) is say.TOO_MANY_CONNECTIONS
