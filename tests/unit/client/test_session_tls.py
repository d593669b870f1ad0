"""TLS with a toy server (row A55): what was said in the clear counts for nothing, and clear text is no way out."""

from dataclasses import replace

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import HOST, Tls, make_tls
from tests.unit.client.toy_server import HERE, ToyServer, envelope, with_server

from mailrail.client import (
    ClientSession,
    ClientSettings,
    SessionError,
    SessionFailed,
    SessionRefused,
    SessionTerms,
    WholeSource,
)
from mailrail.model import Login, NetTrouble, TlsLevel
from mailrail.net import Connection, TlsConnection, TlsInfo, client_context
from mailrail.smtp import Stage

HI = WholeSource(b"Subject: hi\r\n\r\nhi\r\n")
OFFER = ("PIPELINING", "STARTTLS")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


def terms(tls: Tls, level: TlsLevel) -> SessionTerms:
    return SessionTerms(hello_name="client.example", tls=level, context=tls.client, server_name=HOST)


def open_and_send(server: ToyServer, wanted: SessionTerms) -> TlsInfo | None:
    async def scenario(network: MemoryNetwork) -> TlsInfo | None:
        session = await ClientSession.open(network, HERE, wanted, ClientSettings())
        result = await session.send(envelope("bob@example.net"), HI)
        assert [reply.code for reply in result.replies] == [250]
        await session.close()
        return session.tls

    return with_server(server, scenario)


def fail_to_open(server: ToyServer, wanted: SessionTerms) -> SessionError:
    async def scenario(network: MemoryNetwork) -> SessionError:
        with pytest.raises(SessionError) as caught:
            await ClientSession.open(network, HERE, wanted, ClientSettings())
        return caught.value

    error = with_server(server, scenario)
    assert error.stage is Stage.TLS
    return error


@pytest.mark.parametrize("level", [TlsLevel.MAY, TlsLevel.ENCRYPT, TlsLevel.VERIFY])
def test_starttls_comes_up_and_ehlo_is_said_again(tls: Tls, level: TlsLevel) -> None:
    """A55."""
    server = ToyServer(keywords=OFFER, contexts=tls.server)
    info = open_and_send(server, terms(tls, level))
    assert info is not None
    assert info.verified
    assert server.heard[:4] == [
        "EHLO client.example",
        "STARTTLS",
        "EHLO client.example",
        "MAIL FROM:<ann@example.org>",
    ]
    assert server.contents == [HI.whole]


def test_none_means_none_even_if_offered(tls: Tls) -> None:
    server = ToyServer(keywords=OFFER, contexts=tls.server)
    assert open_and_send(server, terms(tls, TlsLevel.NONE)) is None
    assert "STARTTLS" not in server.heard


@pytest.mark.parametrize("level", [TlsLevel.ENCRYPT, TlsLevel.VERIFY])
def test_a_stripped_offer_is_no_way_out(tls: Tls, level: TlsLevel) -> None:
    """A55: an attacker who takes STARTTLS out of the EHLO reply gets no mail."""
    server = ToyServer(keywords=("PIPELINING",))
    error = fail_to_open(server, terms(tls, level))
    assert isinstance(error, SessionRefused)
    assert error.reply.enhanced_code == "4.7.5"
    assert not any(line.startswith("MAIL") for line in server.heard)


def test_a_stripped_offer_does_not_stop_opportunistic_mail(tls: Tls) -> None:
    """A55: the documented fall-back."""
    assert open_and_send(ToyServer(), terms(tls, TlsLevel.MAY)) is None


@pytest.mark.parametrize("level", [TlsLevel.ENCRYPT, TlsLevel.VERIFY])
def test_454_is_no_way_out_either(tls: Tls, level: TlsLevel) -> None:
    """A55."""
    server = ToyServer(keywords=OFFER, script={"STARTTLS": ["454 4.7.0 not now"]})
    error = fail_to_open(server, terms(tls, level))
    assert isinstance(error, SessionRefused)
    assert str(error.reply) == "454 4.7.0 not now"


def test_454_does_not_stop_opportunistic_mail(tls: Tls) -> None:
    server = ToyServer(keywords=OFFER, script={"STARTTLS": ["454 4.7.0 not now"]})
    assert open_and_send(server, terms(tls, TlsLevel.MAY)) is None


@pytest.mark.parametrize("level", [TlsLevel.MAY, TlsLevel.VERIFY])
def test_an_injected_reply_ends_the_session(tls: Tls, level: TlsLevel) -> None:
    """A55, CVE-2021-38371."""
    server = ToyServer(keywords=OFFER, script={"STARTTLS": ["raw 220 go\r\n250 injected\r\n"]})
    error = fail_to_open(server, terms(tls, level))
    assert isinstance(error, SessionFailed)
    assert error.trouble is None
    assert "more than one reply" in str(error)


def test_a_certificate_for_another_name_fails_the_handshake(tls: Tls) -> None:
    """A55: the caller decides what comes next; a second session in the clear only where that is allowed."""
    server = ToyServer(keywords=OFFER, contexts=tls.server)
    wanted = replace(terms(tls, TlsLevel.VERIFY), server_name="other.example.org")
    error = fail_to_open(server, wanted)
    assert isinstance(error, SessionFailed)
    assert error.trouble is NetTrouble.TLS


def test_a_certificate_that_nobody_vouches_for_is_good_enough_to_encrypt(tls: Tls) -> None:
    server = ToyServer(keywords=OFFER, contexts=tls.server)
    wanted = replace(terms(tls, TlsLevel.ENCRYPT), context=client_context(verify=False))
    info = open_and_send(server, wanted)
    assert info is not None
    assert not info.verified


def test_implicit_tls_comes_before_the_greeting(tls: Tls) -> None:
    class Implicit(ToyServer):
        def accept(self, connection: Connection) -> None:
            wrapped = TlsConnection.server(connection, tls.server)
            wrapped.start(lambda _: ToyServer.accept(self, wrapped), lambda _: None, timeout_s=5)

    server = Implicit()
    info = open_and_send(server, replace(terms(tls, TlsLevel.VERIFY), implicit_tls=True))
    assert info is not None
    assert server.heard[0] == "EHLO client.example"


def test_a_server_in_the_clear_fails_implicit_tls(tls: Tls) -> None:
    """A11 from the client's side."""
    wanted = replace(terms(tls, TlsLevel.VERIFY), implicit_tls=True)
    assert isinstance(fail_to_open(ToyServer(), wanted), SessionFailed)


def test_a_login_goes_over_tls(tls: Tls) -> None:
    server = ToyServer(
        keywords=(*OFFER, "AUTH LOGIN"),
        contexts=tls.server,
        script={
            "AUTH": ["334 VXNlcm5hbWU6"],
            "YW5u": ["334 UGFzc3dvcmQ6"],
            "c2VjcmV0": ["235 2.7.0 welcome"],
        },
    )
    assert open_and_send(server, replace(terms(tls, TlsLevel.VERIFY), login=Login("ann", "secret")))
    assert server.heard.index("AUTH LOGIN") > server.heard.index("STARTTLS")


def test_tls_without_a_context_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="context"):
        SessionTerms(hello_name="client.example")
