"""A parcel whose envelope goes ahead, behind the content of the one before."""

import asyncio
from collections import deque
from collections.abc import Callable

import pytest
from tests.unit.client.toy_server import CUT, ToyServer
from tests.unit.delivery.world import ONE, TWO, World, run

from mailrail.delivery import DeliverySettings, SmtpCarrier
from mailrail.delivery.parcel import Part
from mailrail.delivery.reverse_paths import as_it_came
from mailrail.model import Address, Attempt, Deferred, Delivered, Failed, Message, Recipient, parse_address

pytestmark = pytest.mark.usefixtures("road")

Make = Callable[[World], tuple[Part, Part]]


def two(world: World) -> tuple[Part, Part]:
    return world.part("first@example.org"), world.part("second@example.org")


def carried(world: World, make: Make = two) -> tuple[Attempt, Attempt, bool]:
    """Carry two parcels, the second offered ahead; tell whether it could go on where it had begun."""
    found: list[Attempt] = []
    ahead: list[bool] = []

    async def scenario(world: World) -> None:
        first, second = make(world)
        carrier = world.carrier(first)
        asked: list[Part] = []

        def offer() -> Part:
            assert not asked, "asked once only"
            asked.append(second)
            return second

        found.append(await carrier.carry(first, offer))
        ahead.append(carrier.has_gone_ahead)
        found.append(await carrier.carry(second))
        assert not carrier.has_gone_ahead
        await carrier.close()

    run(world, scenario)
    return found[0], found[1], ahead[0]


def pieces_with(server: ToyServer, *words: bytes) -> int:
    return sum(all(word in piece for word in words) for piece in server.pieces)


def test_the_envelope_of_the_next_leaves_behind_the_content() -> None:
    server = ToyServer()
    first, second, has_gone = carried(World({ONE: server}))
    assert has_gone
    assert isinstance(first.outcomes[0], Delivered)
    assert isinstance(second.outcomes[0], Delivered)
    assert pieces_with(server, b"hello\r\n.\r\nMAIL FROM", b"second@example.org", b"DATA\r\n") == 1
    assert len(server.contents) == 2
    assert len(server.sessions) == 1
    assert second.host == "mx1.example.org"
    assert server.heard[-1] == "QUIT"


def test_a_row_of_messages_takes_one_write_each() -> None:
    server = ToyServer()

    async def scenario(world: World) -> None:
        parts = [world.part() for _ in range(10)]
        carrier = world.carrier(parts[0])
        waiting = deque(parts)
        while waiting:
            part = waiting.popleft()
            attempt = await carrier.carry(part, lambda: waiting[0] if waiting else None)
            assert isinstance(attempt.outcomes[0], Delivered)
        await carrier.close()

    run(World({ONE: server}), scenario)
    assert len(server.contents) == 10
    assert len(server.pieces) == 1 + 1 + 10 + 1, "EHLO, the first envelope, ten contents, QUIT"


@pytest.mark.parametrize("end", [CUT, "421 4.3.2 going down", "raw rubbish\r\n"])
def test_a59_what_went_ahead_was_never_tried_when_the_session_ends_before(end: str) -> None:
    """A58, A61."""
    one = ToyServer(script={"END": [end]})
    first, second, has_gone = carried(World({ONE: one, TWO: ToyServer(script={"END": ["451 4.3.0 no"]})}))
    assert isinstance(first.outcomes[0], Deferred)
    assert not has_gone
    assert isinstance(second.outcomes[0], Delivered), "by a session of its own"
    assert second.host == "mx1.example.org"
    assert len(one.sessions) == 2


@pytest.mark.parametrize("end", ["554 5.6.0 not this one", "451 4.6.0 not now"])
def test_what_the_peer_says_to_one_message_leaves_the_next_untouched(end: str) -> None:
    server = ToyServer(script={"END": [end]})
    first, second, has_gone = carried(World({ONE: server, TWO: ToyServer()}))
    assert has_gone
    assert isinstance(first.outcomes[0], Failed if end[0] == "5" else Deferred)
    assert isinstance(second.outcomes[0], Delivered)
    assert len(server.sessions) == 1


def test_when_the_first_goes_to_another_host_the_next_begins_anew_there() -> None:
    one, other = ToyServer(script={"END": ["451 4.3.0 full"]}), ToyServer()
    first, second, has_gone = carried(World({ONE: one, TWO: other}))
    assert not has_gone
    assert isinstance(first.outcomes[0], Delivered)
    assert isinstance(second.outcomes[0], Delivered)
    assert first.host == second.host == "mx2.example.org"
    assert len(other.contents) == 2


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize(
    "answer", [CUT, "421 4.3.2 bye", "451 4.7.1 later", "550 5.7.1 never", "raw ???\r\n"]
)
def test_whatever_meets_the_next_the_first_is_delivered_once_and_the_next_gets_its_own_answer(
    verb: str, answer: str
) -> None:
    """A60."""
    friendly = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", "END": "250 2.0.0 taken"}
    one = ToyServer(script={verb: [friendly[verb], answer]})
    first, second, _ = carried(
        World({ONE: one}), lambda world: (world.part("a@single.example"), world.part("b@single.example"))
    )
    (given,) = first.outcomes
    assert isinstance(given, Delivered)
    taken = sum(b"hello" in content for content in one.contents)
    (outcome,) = second.outcomes
    if isinstance(outcome, Delivered):
        assert taken == 2 + (verb == "END"), "the toy keeps what it refuses at the end"
    else:
        assert taken == (2 if verb == "END" else 1)
        assert isinstance(outcome, Failed) == answer.startswith("550")
    if verb == "MAIL" and answer in (CUT, "421 4.3.2 bye"):
        assert isinstance(outcome, Delivered), "nothing of it was answered: tried anew at once"


def eight_bit(world: World) -> tuple[Part, Part]:
    return world.part(), world.part(content="Subject: x\r\n\r\nä\r\n".encode())


def bare(world: World) -> tuple[Part, Part]:
    return world.part(), world.part(content=b"Subject: x\r\n\r\na\nb\r\n")


def big(world: World) -> tuple[Part, Part]:
    return world.part(), world.part(content=b"x" * 70 + b"\r\n")


def for_a_list(world: World) -> tuple[Part, Part]:
    member = Recipient(parse_address("bob@example.org"), returns_to=parse_address("owner-news@example.com"))
    return world.part(), world.part(recipients=(member,))


@pytest.mark.parametrize(
    ("keywords", "make"),
    [
        (("8BITMIME",), two),
        (("PIPELINING", "CHUNKING"), two),
        (("PIPELINING", "LIMITS MAILMAX=1"), two),
        (("PIPELINING", "SIZE 50"), big),
        (("PIPELINING",), eight_bit),
        (("PIPELINING",), bare),
        (("PIPELINING",), for_a_list),
    ],
)
def test_what_cannot_go_ahead_waits_for_its_turn(keywords: tuple[str, ...], make: Make) -> None:
    server = ToyServer(keywords=keywords)
    first, second, has_gone = carried(World({ONE: server, TWO: ToyServer(keywords=keywords)}), make)
    assert not has_gone
    assert isinstance(first.outcomes[0], Delivered)
    assert isinstance(second.outcomes[0], Failed if make is big else Delivered)
    assert pieces_with(server, b".\r\nMAIL FROM") == 0


def test_nothing_goes_ahead_over_a_session_that_has_had_enough() -> None:
    server = ToyServer()
    *_, has_gone = carried(World({ONE: server}, settings=DeliverySettings(session_messages=1)))
    assert not has_gone
    assert len(server.sessions) == 2


@pytest.mark.parametrize(("age_s", "has_gone"), [(19, True), (21, False)])
def test_nothing_goes_ahead_over_a_session_that_is_too_old(age_s: int, has_gone: bool) -> None:
    server, asked = ToyServer(), list[Part]()

    async def scenario(world: World) -> None:
        first, second, third = [world.part() for _ in range(3)]

        def offer() -> Part:
            asked.append(third)
            return third

        carrier = world.carrier(first)
        await carrier.carry(first, lambda: second)
        await asyncio.sleep(age_s)
        assert carrier.has_gone_ahead
        await carrier.carry(second, offer)
        assert carrier.has_gone_ahead == has_gone
        await carrier.close()

    run(World({ONE: server}, settings=DeliverySettings(session_s=20)), scenario)
    assert len(asked) == has_gone, "who is not to go ahead is not taken out either"


def test_what_demands_tls_of_its_own_does_not_go_ahead() -> None:
    server = ToyServer()
    first, _, has_gone = carried(
        World({ONE: server}), lambda world: (world.part(), world.part(requiretls=True))
    )
    assert not has_gone
    assert isinstance(first.outcomes[0], Delivered)
    assert len(server.contents) == 1


def test_recipients_for_another_transaction_come_before_the_next_message() -> None:
    """A60."""
    server = ToyServer(script={"RCPT TO:<b@example.org>": ["452 4.5.3 too many"]})
    first, second, has_gone = carried(
        World({ONE: server}), lambda world: (world.part("a@example.org", "b@example.org"), world.part())
    )
    assert not has_gone
    assert all(isinstance(outcome, Delivered) for outcome in (*first.outcomes, *second.outcomes))
    assert len(server.contents) == 3


def test_a_carrier_that_is_closed_leaves_what_went_ahead() -> None:
    server = ToyServer()

    async def scenario(world: World) -> None:
        first, second = two(world)
        carrier: SmtpCarrier = world.carrier(first)
        await carrier.carry(first, lambda: second)
        await carrier.close()
        assert not carrier.has_gone_ahead

    run(World({ONE: server}), scenario)
    assert len(server.contents) == 1
    assert "QUIT" not in server.heard, "the peer may be waiting for content"


def test_a_fault_of_our_own_that_meets_the_next_is_told_when_its_turn_comes() -> None:
    """Not where it is met: the reply that lets the content leave is being read, and the content leaves."""
    server = ToyServer()

    async def scenario(world: World) -> None:
        first, second = two(world)
        carrier, loop = world.carrier(first), asyncio.get_running_loop()
        assert isinstance((await carrier.carry(world.part())).outcomes[0], Delivered)

        def broken(message: Message, recipient: Recipient) -> Address | None:
            if recipient in second.lease.message.envelope.recipients:
                raise ZeroDivisionError("a fault")
            return as_it_came(message, recipient)

        world.courier.leaves_as = broken
        begun_s = loop.time()
        assert isinstance((await carrier.carry(first, lambda: second)).outcomes[0], Delivered)
        assert loop.time() - begun_s < 1
        assert not carrier.has_gone_ahead
        assert not carrier.is_open, "it is not to rest with that"
        with pytest.raises(ZeroDivisionError):
            await carrier.carry(second)
        await carrier.close()

    run(World({ONE: server, TWO: ToyServer()}), scenario)
    assert len(server.contents) == 2
