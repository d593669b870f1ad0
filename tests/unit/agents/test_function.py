"""Python functions as agents: what they get, and what becomes of what they return and raise."""

import asyncio
from typing import BinaryIO

import pytest
from tests.unit.agents.desk import CONTENT, Desk, letter, replies

from mailrail.agents import AgentSettings, HandedOver
from mailrail.model import Blame, Deferred, Outcome, SettingsError
from mailrail.sim import simulate

SEEN: list[tuple[HandedOver, bytes]] = []
HERE = "tests.unit.agents.test_function"


def keep(envelope: HandedOver, message: BinaryIO) -> None:
    SEEN.append((envelope, message.read()))


async def keep_later(envelope: HandedOver, message: BinaryIO) -> None:
    await asyncio.sleep(0)
    keep(envelope, message)


async def sleeper(envelope: HandedOver, message: BinaryIO) -> None:
    await asyncio.sleep(1000)


def refuse(envelope: HandedOver, message: BinaryIO) -> str:
    return "550 5.1.1 Nobody here"


def wait(envelope: HandedOver, message: BinaryIO) -> str:
    return "450 4.2.1 Asleep"


def fail(envelope: HandedOver, message: BinaryIO) -> None:
    raise KeyError("oh\nno")


def chatter(envelope: HandedOver, message: BinaryIO) -> int:
    return 42


def run(name: str, *recipients: str, **more: object) -> list[Outcome]:
    SEEN.clear()
    table = {"kind": "function", "function": f"{HERE}:{name}", **more}
    return simulate(Desk(AgentSettings.model_validate(table)).try_once(letter(*recipients)))


@pytest.mark.parametrize("name", ["keep", "keep_later"])
def test_it_gets_envelope_and_message(name: str) -> None:
    assert (
        replies(run(name, "bob@example.org", "eve@example.org", together=True)) == ["Delivered 250 2.0.0"] * 2
    )
    ((envelope, content),) = SEEN
    assert content == CONTENT
    assert (envelope.sender, envelope.recipients) == (
        "ann@example.com",
        ("bob@example.org", "eve@example.org"),
    )
    run(name, "bob@example.org", "eve@example.org")
    assert [one.recipients for one, _ in SEEN] == [("bob@example.org",), ("eve@example.org",)]


@pytest.mark.parametrize(
    ("name", "said", "words"),
    [
        ("refuse", "Failed 550 5.1.1", "Nobody here"),
        ("wait", "Deferred 450 4.2.1", "Asleep"),
        ("fail", "Deferred 451 4.3.0", "raised KeyError: 'oh\\nno'"),
        ("chatter", "Deferred 451 4.3.0", "returned neither None nor a reply: 42"),
        ("sleeper", "Deferred 451 4.4.2", "more than 300 s"),
    ],
)
def test_what_it_answers_is_what_becomes_of_the_message(name: str, said: str, words: str) -> None:
    """A74: a function that fails makes mail wait."""
    (outcome,) = run(name)
    assert replies([outcome]) == [said]
    assert words in outcome.reply.text
    if isinstance(outcome, Deferred):
        assert outcome.blame in (Blame.MESSAGE, Blame.RECIPIENT), "one message is not the fault of all"


def test_a_function_that_is_not_there_is_told_at_the_start() -> None:
    with pytest.raises(SettingsError, match="there is no function"):
        run("nothing_of_the_kind")
