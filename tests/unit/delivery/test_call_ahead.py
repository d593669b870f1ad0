"""Asking a next hop about an address: what is said, and what counts as a "no"."""

import pytest
from tests.unit.client.toy_server import CUT, ToyServer
from tests.unit.delivery.world import ONE, TWO, World, run

from mailrail.addresses import NotKnownNowError
from mailrail.delivery import AddressAsked, CallAhead
from mailrail.model import Address, parse_address
from mailrail.observe import Bus

BOB = parse_address("bob@example.org")


def ask(world: World, address: Address = BOB) -> bool | str:
    """Return the answer, or why there is none."""
    found: list[bool | str] = []

    async def scenario(world: World) -> None:
        bus = Bus()
        bus.listen(world.events.append)
        try:
            found.append(await CallAhead(world.courier, bus).takes(address))
        except NotKnownNowError as error:
            found.append(f"{error.reply.code} {error.reply.enhanced_code} {error}")

    run(world, scenario)
    return found[0]


@pytest.mark.parametrize("keywords", [(), ("PIPELINING",), ("PIPELINING", "CHUNKING", "DSN", "SIZE 1000")])
def test_a_recipient_who_is_taken_is_asked_for_by_the_null_sender_and_gets_nothing(
    keywords: tuple[str, ...],
) -> None:
    server = ToyServer(keywords=keywords)
    world = World({ONE: server})
    assert ask(world) is True
    verbs = [line.split()[0] for line in server.heard]
    assert verbs == ["EHLO", "MAIL", "RCPT", "QUIT"]
    assert server.heard[1].startswith("MAIL FROM:<>")
    assert server.contents == []
    (event,) = [one for one in world.events if isinstance(one, AddressAsked)]
    assert (event.address, event.host, event.is_taken) == ("bob@example.org", "mx1.example.org", True)


@pytest.mark.parametrize(
    "reply", ["550 5.1.1 no such user", "550 unknown", "551 5.1.6 moved", "552 5.2.2 full for good"]
)
def test_only_a_no_to_the_recipient_is_one(reply: str) -> None:
    assert ask(World({ONE: ToyServer(script={"RCPT": [reply]})})) is False


@pytest.mark.parametrize(
    "script",
    [
        {"RCPT": ["451 4.7.1 greylisted"]},
        {"RCPT": ["452 4.2.2 full"]},
        {"RCPT": ["550 5.7.1 your network is not welcome"]},
        {"RCPT": ["554 5.5.1 MAIL first"]},
        {"RCPT": ["421 4.3.2 going down"]},
        {"RCPT": [CUT]},
        {"RCPT": ["raw rubbish\r\n"]},
        {"MAIL": ["550 5.1.8 no null senders here"]},
        {"MAIL": ["451 4.3.0 not now"]},
        {"GREETING": ["554 5.7.1 go away"]},
        {"GREETING": [CUT]},
    ],
)
def test_a74_everything_else_says_nothing_about_him(script: dict[str, list[str]]) -> None:
    assert "450 4.4.1 the next hop cannot be asked about bob@example.org: mx" in str(
        ask(World({ONE: ToyServer(script=script)}))
    )


def test_another_host_is_asked_where_one_does_not_answer() -> None:
    assert ask(World({TWO: ToyServer()})) is True
    assert "No answer" in str(ask(World({}))) or "refused" in str(ask(World({})))


def test_a_domain_that_cannot_be_looked_up_says_nothing() -> None:
    assert "does not exist" in str(ask(World({}, dns={}), parse_address("x@gone.example")))


def test_a29_who_has_a_name_that_the_host_cannot_take_is_not_taken() -> None:
    assert ask(World({ONE: ToyServer()}), parse_address("grü@example.org")) is False
    assert ask(World({ONE: ToyServer(keywords=("SMTPUTF8",))}), parse_address("grü@example.org")) is True
