"""What a sender demands of TLS (RFC 8689), against next hops in memory."""

import pytest
from tests.support.net_world import HOST, Tls, make_tls
from tests.unit.client.toy_server import ToyServer
from tests.unit.delivery.world import ONE, TWO, World, one_try, run

from mailrail.client import ClientSettings
from mailrail.model import Deferred, Delivered, Failed, TlsLevel
from mailrail.net import Endpoint
from mailrail.routing import RouteSettings

OFFER = ("PIPELINING", "STARTTLS", "REQUIRETLS")
DNS = {
    "example.org": [f"MX 10 {HOST}", "MX 20 mx2.example.org"],
    HOST: ["A 192.0.2.1"],
    "mx2.example.org": ["A 192.0.2.2"],
}
OPTIONAL = b"Subject: x\r\nTLS-Required: No\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


def safe_world(tls: Tls, one: ToyServer, two: ToyServer | None = None) -> World:
    """A domain with DNSSEC, whose first host has a certificate for its name."""
    servers = {ONE: one, TWO: two} if two is not None else {ONE: one}
    return World(servers, dns=DNS, authentic=("example.org",), verifying=tls.client)


def test_a_message_with_requiretls_goes_under_verified_tls_to_a_hop_that_offers_it(tls: Tls) -> None:
    server = ToyServer(keywords=OFFER, contexts=tls.server)
    attempt = one_try(safe_world(tls, server), requiretls=True)
    assert isinstance(attempt.outcomes[0], Delivered)
    assert attempt.tls.startswith("TLS")
    assert "MAIL FROM:<ann@example.com> REQUIRETLS" in server.heard


def test_it_has_a_session_of_its_own_and_the_lane_keeps_its_own(tls: Tls) -> None:
    server = ToyServer(keywords=OFFER, contexts=tls.server)

    async def scenario(world: World) -> None:
        carrier = world.carrier(world.part())
        await carrier.carry(world.part())
        attempt = await carrier.carry(world.part(requiretls=True))
        assert isinstance(attempt.outcomes[0], Delivered)
        await carrier.carry(world.part())
        await carrier.close()

    run(safe_world(tls, server), scenario)
    assert len(server.sessions) == 2
    assert len(server.contents) == 3


def test_where_the_route_is_verified_anyway_no_further_session_is_made(tls: Tls) -> None:
    server = ToyServer(keywords=OFFER, contexts=tls.server)

    async def scenario(world: World) -> None:
        carrier = world.carrier(world.part())
        for requiretls in (False, True):
            attempt = await carrier.carry(world.part(requiretls=requiretls))
            assert isinstance(attempt.outcomes[0], Delivered)
        await carrier.close()

    world = safe_world(tls, server)
    world.routes = (RouteSettings(match="*", tls=TlsLevel.VERIFY),)
    run(world, scenario)
    assert len(server.sessions) == 1


@pytest.mark.parametrize(
    ("keywords", "code"),
    [
        (("PIPELINING", "STARTTLS"), "5.7.30"),
        (("PIPELINING", "REQUIRETLS"), "5.7.10"),
        (("PIPELINING",), "5.7.10"),
    ],
)
def test_a_hop_that_lacks_it_gets_nothing_and_the_sender_hears_at_once(
    tls: Tls, keywords: tuple[str, ...], code: str
) -> None:
    server = ToyServer(keywords=keywords, contexts=tls.server)
    (outcome,) = one_try(safe_world(tls, server), requiretls=True).outcomes
    assert isinstance(outcome, Failed)
    assert (outcome.reply.enhanced_code, outcome.host) == (code, HOST)
    assert not any(line.startswith("MAIL") for line in server.heard)


@pytest.mark.parametrize(
    ("keywords", "authentic", "said", "sessions"),
    [
        (OFFER, True, " REQUIRETLS", 1),
        (OFFER, False, " REQUIRETLS", 1),
        (("PIPELINING", "STARTTLS"), True, "", 1),
        (("PIPELINING", "REQUIRETLS"), True, "", 2),
        (("PIPELINING",), False, "", 2),
    ],
)
def test_a_bounce_is_as_safe_as_its_way_back_allows_and_never_kept_for_it(
    tls: Tls, keywords: tuple[str, ...], authentic: bool, said: str, sessions: int
) -> None:
    """RFC 8689 §4.2.1, §5."""
    server = ToyServer(keywords=keywords, contexts=tls.server)
    world = safe_world(tls, server)
    world.authentic = ("example.org",) if authentic else ()
    (outcome,) = one_try(world, requiretls=True, reverse_path=None).outcomes
    assert isinstance(outcome, Delivered)
    assert f"MAIL FROM:<>{said}" in server.heard
    assert len(server.sessions) == sessions


def test_a_bounce_waits_for_a_host_that_does_not_answer(tls: Tls) -> None:
    world = safe_world(tls, ToyServer())
    world.servers = {}
    (outcome,) = one_try(world, requiretls=True, reverse_path=None).outcomes
    assert isinstance(outcome, Deferred)
    assert outcome.reply.enhanced_code == "4.4.1"


def test_the_next_host_may_do_better(tls: Tls) -> None:
    one, two = ToyServer(keywords=("PIPELINING",)), ToyServer(keywords=OFFER, contexts=tls.server)
    world = safe_world(tls, one, two)
    world.dns = {**DNS, "example.org": ["MX 10 mx2.example.org", f"MX 20 {HOST}"]}
    world.servers = {TWO: one, ONE: two}
    (outcome,) = one_try(world, requiretls=True).outcomes
    assert isinstance(outcome, Delivered)
    assert one.contents == []


def test_a_certificate_for_another_name_is_none(tls: Tls) -> None:
    server = ToyServer(keywords=OFFER, contexts=tls.server)
    world = safe_world(tls, server)
    world.dns = {"example.org": ["MX 10 mx2.example.org"], "mx2.example.org": ["A 192.0.2.1"]}
    (outcome,) = one_try(world, requiretls=True).outcomes
    assert isinstance(outcome, Failed)
    assert outcome.reply.enhanced_code == "5.7.10"
    assert server.contents == []


def test_hosts_that_dnssec_does_not_vouch_for_are_not_even_asked(tls: Tls) -> None:
    server = ToyServer(keywords=OFFER, contexts=tls.server)
    world = safe_world(tls, server)
    world.authentic = ()
    (outcome,) = one_try(world, requiretls=True).outcomes
    assert isinstance(outcome, Failed)
    assert outcome.reply.enhanced_code == "5.7.30"
    assert server.sessions == []


def test_a_hop_that_does_not_answer_or_cannot_now_is_tried_again(tls: Tls) -> None:
    server = ToyServer(keywords=OFFER, contexts=tls.server, script={"STARTTLS": ["454 4.7.0 not now"]})
    (outcome,) = one_try(safe_world(tls, server), requiretls=True).outcomes
    assert isinstance(outcome, Deferred)
    world = safe_world(tls, server)
    world.servers = {}
    world.timeouts = ClientSettings(connect_s=1)
    (outcome,) = one_try(world, requiretls=True).outcomes
    assert isinstance(outcome, Deferred)


def test_a_hop_on_this_machine_takes_it_as_it_is() -> None:
    server = ToyServer(is_lmtp=True)
    here = Endpoint("127.0.0.1", 2424)
    route = RouteSettings(match="*", next_hop="127.0.0.1:2424", lmtp=True, tls=TlsLevel.NONE)
    (outcome,) = one_try(World({here: server}, routes=(route,)), requiretls=True).outcomes
    assert isinstance(outcome, Delivered)
    assert not any("REQUIRETLS" in line for line in server.heard)


@pytest.mark.parametrize("level", [TlsLevel.ENCRYPT, TlsLevel.VERIFY])
def test_tls_required_no_arrives_where_tls_would_be_required(level: TlsLevel) -> None:
    server = ToyServer(keywords=("PIPELINING",))
    world = World({ONE: server}, routes=(RouteSettings(match="*", tls=level),))
    assert isinstance(one_try(world, content=OPTIONAL).outcomes[0], Delivered)
    world = World({ONE: server}, routes=(RouteSettings(match="*", tls=level),))
    assert isinstance(one_try(world).outcomes[0], Deferred)


def test_tls_required_no_opens_no_lane_for_the_others() -> None:
    server = ToyServer(keywords=("PIPELINING",))

    async def scenario(world: World) -> None:
        carrier = world.carrier(world.part())
        assert isinstance((await carrier.carry(world.part(content=OPTIONAL))).outcomes[0], Delivered)
        assert isinstance((await carrier.carry(world.part())).outcomes[0], Deferred)
        await carrier.close()

    run(World({ONE: server}, routes=(RouteSettings(match="*", tls=TlsLevel.ENCRYPT),)), scenario)
    assert len(server.contents) == 1


def test_tls_required_no_does_not_lay_a_login_open() -> None:
    server = ToyServer(keywords=("PIPELINING", "AUTH PLAIN"))
    login = {"user": "ann", "password": "secret"}
    route = RouteSettings.model_validate({"match": "*", "next_hop": "192.0.2.1:25", "login": login})
    (outcome,) = one_try(World({ONE: server}, routes=(route,)), content=OPTIONAL).outcomes
    assert isinstance(outcome, Deferred)
    assert server.contents == []
