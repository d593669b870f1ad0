"""Clients behind a proxy count as themselves, and nobody but a named proxy may speak for them (A42)."""

from ipaddress import ip_network

from tests.unit.server.lobby import FRIEND, STRANGER, FakeConnection, Lobby, make_lobby, play, turns

from mailrail.net import Endpoint
from mailrail.server import Handler, LimitSettings, Port, SessionFacts
from mailrail.server.events import ClientTold, ConnectionRefused, SessionOpened

PROXY = "203.0.113.80"
PROXIES = (ip_network("203.0.113.80/32"),)


def header(client: str = STRANGER) -> bytes:
    return f"PROXY TCP4 {client} 192.0.2.25 40000 25\r\n".encode()


def behind_proxy(limits: LimitSettings | None = None) -> tuple[Lobby, list[SessionFacts]]:
    """A server whose second listener is for proxies; `arrive` goes there."""
    sessions: list[SessionFacts] = []

    class Noting(Handler):
        def __init__(self, session: SessionFacts) -> None:
            super().__init__(session)
            sessions.append(session)

    lobby = make_lobby(Noting, limits=limits)
    lobby.server.listen_on(Port(endpoint=Endpoint("192.0.2.25", 26), proxy_from=PROXIES))
    return lobby, sessions


def test_the_client_that_the_header_names_is_the_sessions_peer() -> None:
    async def scenario() -> None:
        lobby, sessions = behind_proxy()
        proxy = lobby.arrive(PROXY)
        assert proxy.heard() == ""
        proxy.say(header() + b"EHLO a.example\r\n")
        assert proxy.heard() == "220 ESMTP\n"
        await turns()
        assert proxy.heard().startswith("250-mx.example")
        assert sessions[0].peer == Endpoint(STRANGER, 40_000)
        assert sessions[0].local == Endpoint("192.0.2.25", 25)
        assert not sessions[0].is_trusted
        friend = lobby.arrive(PROXY)
        friend.say(header(FRIEND))
        assert sessions[1].is_trusted
        assert friend.heard().startswith("220")
        assert lobby.told(ClientTold) == [
            ClientTold(client=f"{STRANGER}:40000", proxy=PROXY, means="PROXY"),
            ClientTold(client=f"{FRIEND}:40000", proxy=PROXY, means="PROXY"),
        ]
        assert isinstance(opened := lobby.told(SessionOpened)[1], SessionOpened)
        assert opened.client == f"{FRIEND}:40000"
        await lobby.server.stop(0)

    play(scenario)


def test_the_limits_are_for_the_client_and_not_for_the_proxy() -> None:
    async def scenario() -> None:
        lobby, _ = behind_proxy(LimitSettings(connections_per_client=2))
        heard = []
        for client in (STRANGER, STRANGER, "198.51.100.8", STRANGER):
            proxy = lobby.arrive(PROXY)
            proxy.say(header(client))
            heard.append(proxy.heard()[:9])
        assert heard == ["220 ESMTP"] * 3 + ["421 4.7.0"]
        await lobby.server.stop(0)

    play(scenario)


def test_a42_who_is_no_proxy_is_turned_away_and_not_read() -> None:
    async def scenario() -> None:
        lobby, sessions = behind_proxy()
        client = lobby.arrive(STRANGER)
        assert client.heard() == "554 5.7.1 Connections come here by our proxies only\n"
        assert client.is_closed
        assert client.receiver is None
        assert sessions == []

    play(scenario)


def test_a42_without_a_header_in_order_and_in_time_there_is_no_session() -> None:
    async def scenario() -> None:
        lobby, sessions = behind_proxy()
        bad = lobby.arrive(PROXY)
        bad.say(b"EHLO a.example\r\n")
        assert bad.is_closed
        gone = lobby.arrive(PROXY)
        gone.leave()
        assert isinstance(lobby.told(ConnectionRefused)[0], ConnectionRefused)
        assert len(lobby.told(ConnectionRefused)) == 2
        waiting = lobby.arrive(PROXY)
        await lobby.server.stop(0)
        assert waiting.is_closed
        assert sessions == []

    play(scenario)


def test_a39_connections_that_owe_their_header_are_bounded() -> None:
    async def scenario() -> None:
        lobby, _ = behind_proxy(LimitSettings(connections=2))
        waiting = [lobby.arrive(PROXY) for _ in range(3)]
        assert [one.is_closed for one in waiting] == [False, False, True]
        await lobby.server.stop(0)

    play(scenario)


def test_a_proxy_that_checks_our_health_is_a_client_of_its_own() -> None:
    async def scenario() -> None:
        lobby, sessions = behind_proxy()
        proxy: FakeConnection = lobby.arrive(PROXY)
        proxy.say(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")
        assert sessions[0].peer.host == PROXY
        assert lobby.told(ClientTold) == []
        unix = lobby.arrive("/run/proxy.sock")
        unix.say(header())
        assert sessions[1].peer.host == STRANGER
        await lobby.server.stop(0)

    play(scenario)
