"""TLS from the first byte and by STARTTLS, over the network in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import HOST, LOOPBACK, Recorder, Tls, make_tls
from tests.unit.server.lobby import LETTER, play

from mailrail.model import Envelope, Reply
from mailrail.model import reply as say
from mailrail.net import Connection, Endpoint, TlsInfo, secure
from mailrail.observe import Bus, Event
from mailrail.server import Handler, LimitSettings, Port, Server, ServerSettings, Session, TimeoutSettings
from mailrail.server.events import ConnectionRefused, SessionClosed
from mailrail.sim import SimClock


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder: Path = tmp_path_factory.mktemp("tls")
    return make_tls(folder)


class Site:
    """A server with a plain port and a TLS port."""

    def __init__(self, tls: Tls | None, timeouts: TimeoutSettings | None = None) -> None:
        self.network, self.bus, self.tls = MemoryNetwork(), Bus(), tls
        self.events: list[Event] = []
        self.taken: list[tuple[str, TlsInfo | None, bytes]] = []
        self.bus.listen(self.events.append)
        self.server = Server(
            self._handler,
            hostname=HOST,
            settings=ServerSettings(
                limits=LimitSettings(connections=1), timeouts=timeouts or TimeoutSettings()
            ),
            tls=tls.server if tls is not None else None,
            network=self.network,
            clock=SimClock(),
            bus=self.bus,
        )
        self.server.start()
        self.plain = self.server.listen_on(Port(endpoint=LOOPBACK))
        self.wrapped = (
            self.server.listen_on(Port(endpoint=LOOPBACK, implicit_tls=True)) if tls is not None else LOOPBACK
        )

    def _handler(self, session: Session) -> Handler:
        taken = self.taken

        class Taking(Handler):
            async def message(self, envelope: Envelope, content: bytes) -> Reply:
                taken.append((self.session.protocol, self.session.tls, content))
                return say.DONE

        return Taking(session)

    async def connect(self, endpoint: Endpoint) -> "Client":
        return Client(await self.network.connect(endpoint, timeout_s=5))

    async def connect_tls(self, endpoint: Endpoint) -> "Client":
        assert self.tls is not None
        plain = await self.network.connect(endpoint, timeout_s=5)
        secured, _ = await secure(plain, self.tls.client, HOST, timeout_s=5)
        return Client(secured)


class Client:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.heard = Recorder()
        connection.attach(self.heard)

    async def ask(self, data: bytes = b"") -> str:
        """Say something and return the last line that is heard."""
        if data:
            self.connection.write(data)
        await asyncio.sleep(0.1)
        lines = self.heard.got.decode().splitlines()
        self.heard.chunks.clear()
        return lines[-1] if lines else ""

    async def start_tls(self, tls: Tls) -> "Client":
        assert (await self.ask(b"EHLO a.example\r\n")).startswith("250 ")
        assert (await self.ask(b"STARTTLS\r\n")).startswith("220 2.0.0")
        secured, _ = await secure(self.connection, tls.client, HOST, timeout_s=5)
        return Client(secured)


def with_site(
    tls: Tls | None, scenario: Callable[[Site], Awaitable[None]], timeouts: TimeoutSettings | None = None
) -> None:
    async def main() -> None:
        site = Site(tls, timeouts)
        await scenario(site)
        await site.server.stop(0)
        await asyncio.sleep(0.1)
        assert site.server.session_count == 0

    play(main)


async def send_letter(client: Client) -> None:
    assert (await client.ask(b"MAIL FROM:<ann@example.org>\r\n")).startswith("503")
    extensions = await client.ask(b"EHLO a.example\r\n")
    assert "STARTTLS" not in extensions
    assert (await client.ask(LETTER)).startswith("354")
    assert (await client.ask(b"text\r\n.\r\n")).startswith("250 2.0.0")


def test_tls_from_the_first_byte(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        client = await site.connect_tls(site.wrapped)
        assert (await client.ask()).startswith("220 ")
        await send_letter(client)
        ((protocol, info, content),) = site.taken
        assert protocol == "ESMTPS"
        assert info is not None
        assert info.version == "TLSv1.3"
        assert content == b"text\r\n"
        assert (await client.ask(b"QUIT\r\n")).startswith("221")
        (closed,) = [event for event in site.events if isinstance(event, SessionClosed)]
        assert closed.tls.startswith("TLSv1.3 ")

    with_site(tls, scenario)


def test_a9_after_starttls_everything_begins_anew(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        client = await (await site.connect(site.plain)).start_tls(tls)
        await send_letter(client)
        assert site.taken[0][0] == "ESMTPS"
        assert (await client.ask(b"STARTTLS\r\n")).startswith("503 5.5.1 TLS is already on")

    with_site(tls, scenario)


def test_a8_what_comes_behind_starttls_is_dropped_with_the_session(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        client = await site.connect(site.plain)
        await client.ask(b"EHLO a.example\r\n")
        assert (await client.ask(b"STARTTLS\r\nRSET\r\n")).startswith("501 5.5.4")
        assert client.heard.ends == [None]

    with_site(tls, scenario)


def test_a8_plain_text_instead_of_a_handshake_ends_the_session_unread(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        client = await site.connect(site.plain)
        await client.ask(b"EHLO a.example\r\n")
        await client.ask(b"STARTTLS\r\n")
        assert not (await client.ask(b"MAIL FROM:<evil@example.org>\r\n")).startswith("250")
        assert client.heard.ends
        assert site.server.session_count == 0

    with_site(tls, scenario)


def test_a11_plain_text_on_the_tls_port_is_closed_and_not_counted_for_ever(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        for _ in range(3):  # one connection for each client is allowed here
            client = await site.connect(site.wrapped)
            client.connection.write(b"EHLO a.example\r\n")
            await asyncio.sleep(0.1)
            assert b"EHLO" not in client.heard.got
            assert client.heard.ends
        refused = [event for event in site.events if isinstance(event, ConnectionRefused)]
        assert len(refused) == 3
        assert all(event.reply.startswith("TLS: ") for event in refused)

    with_site(tls, scenario)


def test_a11_a_client_hello_on_the_plain_port_is_turned_away(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        client = await site.connect(site.plain)
        assert (await client.ask()).startswith("220")
        assert (await client.ask(b"\x16\x03\x01\x02\x00\x01\n\x01\xfc" + b"x" * 300)).startswith("521 5.5.1")
        assert client.heard.ends == [None]

    with_site(tls, scenario)


def test_a11_a_client_that_never_shakes_hands_is_closed_in_time(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        silent = await site.connect(site.wrapped)
        await asyncio.sleep(9)
        assert not silent.heard.ends
        await asyncio.sleep(2)
        assert silent.heard.ends
        assert silent.heard.got == b""

    with_site(tls, scenario, TimeoutSettings(handshake_s=10))


def test_no_deadline_writes_plain_text_into_a_handshake(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        client = await site.connect(site.plain)
        await client.ask(b"EHLO a.example\r\n")
        await client.ask(b"STARTTLS\r\n")
        await asyncio.sleep(11)
        assert client.heard.got == b""
        assert client.heard.ends
        assert site.server.session_count == 0

    with_site(tls, scenario, TimeoutSettings(command_s=2, handshake_s=10))


@pytest.mark.parametrize("is_implicit", [False, True])
def test_a44_a_stop_during_a_handshake_says_nothing_in_clear(tls: Tls, is_implicit: bool) -> None:
    async def scenario(site: Site) -> None:
        client = await site.connect(site.wrapped if is_implicit else site.plain)
        if not is_implicit:
            await client.ask(b"EHLO a.example\r\n")
            await client.ask(b"STARTTLS\r\n")
        await asyncio.sleep(0.1)
        await site.server.stop(3)
        await asyncio.sleep(0.1)
        assert client.heard.got == b""
        assert client.heard.ends

    with_site(tls, scenario)


def test_a44_a_handshake_that_ends_during_the_drain_is_told_under_tls(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        plain = await site.connect(site.plain)
        await plain.ask(b"EHLO a.example\r\n")
        await plain.ask(b"STARTTLS\r\n")
        stopping = asyncio.ensure_future(site.server.stop(20))
        await asyncio.sleep(1)
        secured, _ = await secure(plain.connection, tls.client, HOST, timeout_s=5)
        assert (await Client(secured).ask()).startswith("421 4.3.2")
        await stopping
        assert asyncio.get_running_loop().time() < 10

    with_site(tls, scenario)


def test_without_certificates_there_is_no_tls() -> None:
    async def scenario(site: Site) -> None:
        with pytest.raises(ValueError, match="certificates"):
            site.server.listen_on(Port(endpoint=LOOPBACK, implicit_tls=True))
        client = await site.connect(site.plain)
        await client.ask(b"EHLO a.example\r\n")
        assert (await client.ask(b"STARTTLS\r\n")).startswith("502")

    with_site(None, scenario)
