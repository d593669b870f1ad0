"""Certificates of a running server: exchanged under way, and asked of clients."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
import trustme
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import HOST, LOOPBACK, Tls, make_files, make_tls
from tests.unit.server.lobby import play
from tests.unit.server.test_tls import Client, Site, with_site

import mailrail
from mailrail.net import (
    CertificateFiles,
    ClientCertificates,
    Endpoint,
    TlsSettings,
    client_context,
    secure,
    server_context,
)
from mailrail.observe import Bus
from mailrail.server import Handler, Port, Server
from mailrail.server.events import SessionSecured
from mailrail.sim import SimClock


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


async def certificate_shown(site: Site) -> bytes | None:
    plain = await site.network.connect(site.plain, timeout_s=5)
    client = Client(plain)
    assert (await client.ask(b"EHLO a.example\r\n")).startswith("250 ")
    assert (await client.ask(b"STARTTLS\r\n")).startswith("220")
    secured, info = await secure(plain, client_context(verify=False), HOST, timeout_s=5)
    secured.abort()
    return info.peer_certificate


def test_new_certificates_are_for_new_handshakes_and_running_sessions_go_on(tls: Tls, tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        old = await certificate_shown(site)
        client = await (await site.connect(site.plain)).start_tls(tls)
        new = make_files(tmp_path, HOST)
        site.server.use_certificates(server_context(TlsSettings(certificate=(new,))))
        assert (await client.ask(b"EHLO a.example\r\n")).startswith("250 ")
        assert (await client.ask(b"QUIT\r\n")).startswith("221 ")
        shown = await certificate_shown(site)
        assert shown == ssl.PEM_cert_to_DER_cert(new.chain.read_text())
        assert shown != old

    with_site(tls, scenario)


def test_a_server_without_certificates_offers_starttls_as_soon_as_it_gets_some(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        before = await site.connect(site.plain)
        await before.ask(b"EHLO a.example\r\n")
        site.server.use_certificates(tls.server)
        # A session keeps what it was told: TLS was not offered to it.
        assert (await before.ask(b"STARTTLS\r\n")).startswith("502 ")
        await before.ask(b"QUIT\r\n")
        await (await site.connect(site.plain)).start_tls(tls)

    with_site(None, scenario)


def test_a_handshake_is_told_with_what_it_agreed_on(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        await (await site.connect(site.plain)).start_tls(tls)
        (told,) = [event for event in site.events if isinstance(event, SessionSecured)]
        assert told.session
        assert told.tls.startswith("TLSv1.3 TLS_")
        assert told.server_name == HOST
        assert told.client_certificate == ""
        assert not told.is_resumed

    with_site(tls, scenario)


def test_a_listener_may_ask_clients_for_certificates_and_hears_whose_they_are(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    file = tmp_path / "client.pem"
    file.touch(0o600)
    authority.issue_cert(
        "client.example.org", common_name="ann"
    ).private_key_and_cert_chain_pem.write_to_path(str(file))
    clients = ClientCertificates(tmp_path / "ca.pem")
    settings = TlsSettings(certificate=(make_files(tmp_path, HOST),))

    async def main() -> None:
        network, bus, told = MemoryNetwork(), Bus(), list[SessionSecured]()
        bus.listen(lambda event: told.append(event) if isinstance(event, SessionSecured) else None)
        server = Server(
            Handler,
            hostname=HOST,
            tls=server_context(settings, [clients]),
            network=network,
            clock=SimClock(),
            bus=bus,
        )
        server.start()
        port = Port(endpoint=LOOPBACK, implicit_tls=True, client_certificates=clients)
        plain = await network.connect(server.listen_on(port), timeout_s=5)
        shows = client_context(verify=False, client_certificate=CertificateFiles(chain=file, key=file))
        secured, _ = await secure(plain, shows, HOST, timeout_s=5)
        assert (await Client(secured).ask()).startswith("220 ")
        assert "CN=ann" in told[0].client_certificate
        with pytest.raises(ValueError, match="client_certificates must be among"):
            server.use_certificates(server_context(settings))
        other = Port(endpoint=LOOPBACK, client_certificates=ClientCertificates(tmp_path / "other.pem"))
        with pytest.raises(ValueError, match="client_certificates must be among"):
            server.listen_on(other)
        await server.stop(0)

    play(main)


def test_our_client_takes_its_session_up_again_with_our_server(tls: Tls) -> None:
    async def scenario(site: Site) -> None:
        async def here(host: str, port: int) -> Sequence[Endpoint]:
            return [site.plain]

        letter = b"From: ann@example.org\r\n\r\ntext\r\n"
        client = mailrail.Client(HOST, tls="verify", context=tls.client, network=site.network, resolve=here)
        for _ in range(2):
            await client.send(letter, recipients="bob@example.net")
            await client.close()
        told = [event.is_resumed for event in site.events if isinstance(event, SessionSecured)]
        assert told == [False, True]

    with_site(tls, scenario)
