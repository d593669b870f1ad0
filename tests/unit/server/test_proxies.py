"""Clients behind a proxy count as themselves, and nobody but a named proxy may speak for them (A42)."""

from ipaddress import ip_network

from tests.unit.server.lobby import FRIEND, STRANGER, FakeConnection, Lobby, make_lobby, play, turns

from mailrail.model import Reply
from mailrail.model import reply as say
from mailrail.net import Endpoint
from mailrail.server import Answer, Handler, LimitSettings, Port, SessionFacts
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
        lobby, _ = behind_proxy(LimitSettings(connections=3))
        lobby.arrive(PROXY).say(header())
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


# --- XCLIENT ----------------------------------------------------------------------------------


def with_xclient(
    limits: LimitSettings | None = None, greeting: Reply = say.GREETING
) -> tuple[Lobby, list[Handler]]:
    """A server whose second listener lets PROXY say whom it speaks for."""
    handlers: list[Handler] = []

    class Noting(Handler):
        is_closed = False

        def __init__(self, session: SessionFacts) -> None:
            super().__init__(session)
            handlers.append(self)

        def connect(self) -> Answer:
            return greeting if self.session.peer.host == STRANGER else say.GREETING

        def closed(self) -> None:
            self.is_closed = True

    lobby = make_lobby(Noting, limits=limits)
    lobby.server.listen_on(Port(endpoint=Endpoint("192.0.2.25", 26), xclient_from=PROXIES))
    return lobby, handlers


def test_after_xclient_the_session_is_the_clients() -> None:
    async def scenario() -> None:
        lobby, handlers = with_xclient()
        proxy = lobby.arrive(PROXY)
        proxy.say(b"EHLO proxy.example\r\n")
        assert proxy.heard().endswith("\n250 XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\n")
        proxy.say(b"XCLIENT ADDR=198.51.100.7 PORT=40001 HELO=a.example DESTADDR=IPV6:2001:DB8::1\r\n")
        assert proxy.heard() == "220 ESMTP\n"
        old, new = handlers
        assert isinstance(old, Handler)
        assert [getattr(one, "is_closed", None) for one in handlers] == [True, False]
        session = new.session
        assert (session.peer, session.local.host) == (Endpoint(STRANGER, 40_001), "2001:db8::1")
        proxy.say(b"EHLO proxy.example\r\n")
        assert "MAILMAX=100\n" in proxy.heard(), "a stranger's"
        assert (session.hello_name, session.user, session.is_trusted) == ("a.example", "", False)
        proxy.say(b"XCLIENT LOGIN=ann\r\n")
        assert (session.user, session.peer.host) == ("ann", STRANGER)
        proxy.say(b"EHLO proxy.example\r\nMAIL FROM:<>\r\n")
        assert "MAILMAX=1000\n" in proxy.heard()
        assert session.protocol == "ESMTPA"
        proxy.say(b"RSET\r\nXCLIENT ADDR=10.0.0.7 LOGIN=[UNAVAILABLE]\r\n")
        assert (session.user, session.is_trusted) == ("", True)
        assert [event.client for event in lobby.told(ClientTold) if isinstance(event, ClientTold)] == [
            f"{STRANGER}:40001", f"{STRANGER}:40001", f"{FRIEND}:0",
        ]  # fmt: skip
        await lobby.server.stop(0)

    play(scenario)


def test_the_limits_are_for_the_client_that_xclient_names() -> None:
    async def scenario() -> None:
        lobby, _ = with_xclient(LimitSettings(connections_per_client=2))
        proxies = [lobby.greeted(PROXY) for _ in range(4)]
        heard = []
        for proxy in proxies:
            proxy.say(b"XCLIENT ADDR=198.51.100.7\r\n")
            heard.append(proxy.heard()[:9])
        assert heard == ["220 ESMTP", "220 ESMTP", "421 4.7.0", "421 4.7.0"]
        assert [proxy.is_closed for proxy in proxies] == [False, False, True, True]
        proxies[0].say(b"QUIT\r\n")
        proxy = lobby.greeted(PROXY)
        proxy.say(b"XCLIENT ADDR=198.51.100.7\r\n")
        assert proxy.heard() == "220 ESMTP\n"
        await lobby.server.stop(0)

    play(scenario)


def test_a42_an_address_that_the_proxy_does_not_know_is_nobodys() -> None:
    async def scenario() -> None:
        lobby, handlers = with_xclient()
        proxy = lobby.greeted("/run/proxy.sock")
        proxy.say(b"XCLIENT PORT=40000\r\n")
        assert str(handlers[1].session.peer) == "unix:/run/proxy.sock"
        handlers.pop()
        proxy.say(b"XCLIENT ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]\r\n")
        assert handlers[1].session.peer == Endpoint("0.0.0.0", 0)
        assert not handlers[1].session.is_trusted
        await lobby.server.stop(0)

    play(scenario)


def test_a_client_that_is_not_welcome_hears_it_in_place_of_the_greeting() -> None:
    async def scenario() -> None:
        for greeting, heard in ((say.NO_SERVICE, "521 5.3.2"), (say.STORE_FAILED, "421 4.3.0")):
            lobby, _ = with_xclient(greeting=greeting)
            proxy = lobby.greeted(PROXY)
            proxy.say(b"XCLIENT ADDR=198.51.100.7\r\n")
            assert proxy.heard().startswith(heard)
            assert proxy.is_closed
            await lobby.server.stop(0)

    play(scenario)
