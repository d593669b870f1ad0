"""A stranger, somebody who speaks with it, and a witness that writes down what it is told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.support.memory_net import MemoryNetwork

from mailrail.net import Endpoint
from mailrail.sim import seeded, simulate
from mailrail.sim.strangers import MODERN, Dialogue, Handover, Place, Stranger

HERE = Endpoint("192.0.2.1", 25)
CLIENT = "198.51.100.9"
LETTER = b"Subject: hello\r\n\r\nA line.\r\n"


@dataclass
class Notes:
    """A witness."""

    taken: list[tuple[Handover, bytes]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def took(self, handover: Handover, content: bytes, /) -> None:
        self.taken.append((handover, content))

    def complain(self, host: str, client: str, words: str, /) -> None:
        self.complaints.append(words)


@dataclass
class Parlour:
    """Where they meet."""

    network: MemoryNetwork
    notes: Notes
    stranger: Stranger

    async def client(self, source: str = CLIENT) -> Dialogue:
        """Connect and say nothing yet."""
        return await Dialogue.open(self.network, HERE, source)

    async def greeted(self, source: str = CLIENT) -> Dialogue:
        """Connect and say EHLO."""
        dialogue = await self.client(source)
        assert "EHLO" in await dialogue.hello("client.example")
        return dialogue

    async def give(self, dialogue: Dialogue, *recipients: str, content: bytes = LETTER) -> str:
        """Give one message and return the first refusal or the last reply."""
        commands = [f"RCPT TO:<{one}>" for one in recipients or ("bob@b.example",)]
        for line in ("MAIL FROM:<ann@a.example>", *commands, "DATA"):
            reply = await dialogue.say(line)
            if reply[0] not in "23":
                return reply
        await dialogue.send(content + b".\r\n")
        return await dialogue.reply()


def place(notes: Notes, offer: tuple[str, ...] = MODERN, seed: int = 1) -> Place:
    return Place("mx.b.example", notes, seeded(seed), offer)


def meet(
    make: Callable[[Place], Stranger],
    scenario: Callable[[Parlour], Awaitable[None]],
    offer: tuple[str, ...] = MODERN,
) -> Parlour:
    """Run *scenario* with the stranger that *make* makes; what would end as a traceback fails the test."""
    complaints: list[object] = []
    notes = Notes()
    made: list[Parlour] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        parlour = Parlour(MemoryNetwork(), notes, make(place(notes, offer)))
        parlour.stranger.listen(parlour.network, HERE)
        made.append(parlour)
        await scenario(parlour)

    simulate(main())
    assert complaints == []
    return made[0]
