"""Certificates of clients, over every Network: asked for, shown, withheld, and resumed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trustme
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import HOST, Recorder, make_files, run, until
from tests.support.tls_ends import Server, reach

from mailrail.model import NetTrouble
from mailrail.net import (
    CertificateFiles,
    ClientCertificates,
    Network,
    ServerContexts,
    SessionCache,
    SocketNetwork,
    TlsInfo,
    TlsSettings,
    client_context,
    secure,
    server_context,
)


@pytest.fixture(params=["memory", "sockets"])
def network(request: pytest.FixtureRequest) -> Network:
    return MemoryNetwork() if request.param == "memory" else SocketNetwork()


class Site:
    """A server that may ask for certificates, an authority that it trusts, and one that it does not."""

    def __init__(self, folder: Path) -> None:
        authority, other = trustme.CA(), trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        self.asking = ClientCertificates(folder / "ca.pem", is_required=False)
        self.requiring = ClientCertificates(folder / "ca.pem")
        tls = TlsSettings(certificate=(make_files(folder, HOST),))
        self.contexts = server_context(tls, (self.asking, self.requiring))
        self.good = self._issue(authority, folder / "good.pem")
        self.bad = self._issue(other, folder / "bad.pem")

    @staticmethod
    def _issue(authority: trustme.CA, file: Path) -> CertificateFiles:
        issued = authority.issue_cert("Client.example.org", "ann@example.org", common_name="ann")
        file.touch(0o600)
        issued.private_key_and_cert_chain_pem.write_to_path(str(file))
        return CertificateFiles(chain=file, key=file)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("clients"))


async def shaken(network: Network, contexts: ServerContexts, shown: CertificateFiles | None) -> Server:
    """Let a client that shows *shown* shake hands, and return the server's end when it knows how it went."""
    server = Server(contexts)
    plain = await reach(network, server.accept)
    context = client_context(verify=False, client_certificate=shown)
    client, _ = await secure(plain, context, HOST, timeout_s=5)  # under TLS 1.3 the client is done first
    heard = Recorder()
    client.attach(heard)
    await until(lambda: bool(server.infos or server.errors))
    if server.infos:
        client.close()
        await until(lambda: bool(server.taken.ends))
        server.tls.close()
    else:
        await until(lambda: bool(heard.ends))
    return server


def test_a_client_that_shows_a_good_certificate_is_known_by_it(network: Network, site: Site) -> None:
    async def scenario() -> None:
        for clients in (site.asking, site.requiring):
            server = await shaken(network, site.contexts.asking(clients), site.good)
            identity = server.infos[0].peer_identity
            assert server.infos[0].verified
            assert identity is not None
            assert identity.common_name == "ann"
            assert "CN=ann" in identity.subject
            assert "CN=ann" in str(identity)
            assert identity.host_names == ("client.example.org",)
            assert identity.addresses == ("ann@example.org",)
            assert len(identity.fingerprint) == 64

    run(scenario())


def test_a_client_may_come_without_a_certificate_where_it_is_only_asked(network: Network, site: Site) -> None:
    async def scenario() -> None:
        server = await shaken(network, site.contexts.asking(site.asking), None)
        assert not server.infos[0].verified
        assert server.infos[0].peer_identity is None

    run(scenario())


def test_a_client_without_a_certificate_is_refused_where_one_is_required(
    network: Network, site: Site
) -> None:
    async def scenario() -> None:
        server = await shaken(network, site.contexts.asking(site.requiring), None)
        assert server.errors[0].trouble is NetTrouble.TLS
        assert "did not return a certificate" in str(server.errors[0])

    run(scenario())


def test_a_certificate_of_another_authority_is_refused_even_where_it_is_only_asked_for(
    network: Network, site: Site
) -> None:
    async def scenario() -> None:
        for clients in (site.asking, site.requiring):
            server = await shaken(network, site.contexts.asking(clients), site.bad)
            assert not server.infos
            assert "certificate refused" in str(server.errors[0])

    run(scenario())


def test_a_certificate_that_nobody_asked_for_says_nothing(network: Network, site: Site) -> None:
    async def scenario() -> None:
        server = await shaken(network, site.contexts, site.good)
        assert server.infos[0].peer_identity is None

    run(scenario())


def test_a_session_is_not_resumed_past_the_question_for_a_certificate(network: Network, site: Site) -> None:
    async def scenario() -> None:
        async def resumed_at(contexts: ServerContexts, told: Callable[[TlsInfo], None]) -> bool:
            server = Server(contexts)
            plain = await reach(network, server.accept)
            client, info = await secure(plain, context, HOST, timeout_s=5, sessions=sessions)
            heard = Recorder()
            client.attach(heard)
            await until(partial(bool, server.infos))
            told(server.infos[0])
            server.tls.write(b"220 hello\r\n")  # the ticket travels before it
            await until(partial(bool, heard.chunks))
            client.close()
            await until(partial(bool, server.taken.ends))
            server.tls.close()
            return info.resumed

        sessions, context = SessionCache(), client_context(verify=False, client_certificate=site.good)
        seen: list[TlsInfo] = []
        open_door, strict = site.contexts, site.contexts.asking(site.requiring)
        assert [await resumed_at(door, seen.append) for door in (open_door, strict, strict)] == [
            False,
            False,
            True,
        ]
        # What is resumed is the verified session, certificate and all.
        assert [info.peer_identity is not None for info in seen] == [False, True, True]

    run(scenario())


def test_contexts_know_only_the_ways_of_asking_they_were_made_with(site: Site, tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        site.contexts.asking(ClientCertificates(tmp_path / "other.pem"))
    assert site.contexts.asking(None) is site.contexts


def test_a_certificate_that_no_parser_takes_names_nobody() -> None:
    info = TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384", verified=True, peer_certificate=b"\x30\x00")
    assert info.peer_identity is None
