"""Floor 5 · sim — an abusive client: noise, floods, half-open sessions, a slow drip, and mail smuggled in other mail.

None of it may harm anybody else. The one thing that it may get is a reply; a smuggled message that arrives anywhere
is a violation, found by its recipient at `SMUGGLED`.
"""

import asyncio
from enum import Enum
from typing import Final

from mailrail.model import NetError, Rng
from mailrail.net import Endpoint, Network
from mailrail.sim.strangers.dialogue import Dialogue

SMUGGLED: Final = "smuggled"  # local part of an address that no honest client ever uses
NOISE_BYTES: Final = 4096
FLOOD: Final = 30
DRIP_BYTES: Final = 40
DRIP_S: Final = 5.0
LINGER_S: Final = 900.0
# What some servers took for the end of data: the smuggling of 2023 (CVE-2023-51764 and its kin).
_FALSE_ENDS: Final = (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\n", b"\n\n.\r\n")


class Abuse(Enum):
    """What it tries."""

    GARBAGE = "garbage"
    FLOOD = "flood"
    HALF_OPEN = "half_open"
    DRIP = "drip"
    SMUGGLE = "smuggle"


class Abuser:
    """A client that means no good.

    Args:
        network: its own side of the network.
        targets: whom it troubles.
        recipient: an address that the targets take mail for, or would relay to.
        source: the address it comes from.
    """

    def __init__(
        self,
        network: Network,
        targets: tuple[Endpoint, ...],
        recipient: str,
        rng: Rng,
        source: str | None = None,
    ) -> None:
        self._network = network
        self._targets = targets
        self._recipient = recipient
        self._rng = rng
        self._source = source
        self.tries = 0

    async def run(self, per_hour: float) -> None:
        """Try one thing after the other, *per_hour* of them, until cancelled."""
        kinds = list(Abuse)
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(self._rng.uniform(0.0, 7200.0 / per_hour))
                kind = kinds[int(self._rng.random() * len(kinds))]
                tasks.create_task(self.abuse(kind))

    async def abuse(self, kind: Abuse) -> None:
        """Try *kind* once; whatever the server does about it is fine."""
        self.tries += 1
        target = self._targets[int(self._rng.random() * len(self._targets))]
        try:
            match kind:
                case Abuse.GARBAGE:
                    await self._garbage(target)
                case Abuse.FLOOD:
                    await self._flood(target)
                case Abuse.HALF_OPEN:
                    await self._half_open(target)
                case Abuse.DRIP:
                    await self._drip(target)
                case Abuse.SMUGGLE:
                    await self._smuggle(target)
        except NetError:
            pass

    async def _open(self, target: Endpoint) -> Dialogue:
        return await Dialogue.open(self._network, target, self._source)

    async def _garbage(self, target: Endpoint) -> None:
        dialogue = await self._open(target)
        try:
            for _ in range(4):
                octets = self._rng.getrandbits(NOISE_BYTES * 8).to_bytes(NOISE_BYTES, "big")
                await dialogue.send(octets)
                await asyncio.sleep(self._rng.uniform(0.0, 5.0))
        finally:
            dialogue.abort()

    async def _flood(self, target: Endpoint) -> None:
        dialogues = []
        try:
            for _ in range(FLOOD):
                dialogues.append(await self._open(target))
                await dialogues[-1].send(b"EHLO flood.example\r\n")
            await asyncio.sleep(self._rng.uniform(0.0, 60.0))
        finally:
            for dialogue in dialogues:
                dialogue.abort()

    async def _half_open(self, target: Endpoint) -> None:
        dialogue = await self._open(target)
        try:
            await dialogue.hello("half.open.example")
            await dialogue.say("MAIL FROM:<half@open.example>")
            await asyncio.sleep(LINGER_S)
        finally:
            dialogue.abort()

    async def _drip(self, target: Endpoint) -> None:
        dialogue = await self._open(target)
        try:
            for octet in (b"EHLO drip.example\r\n" + b"X" * DRIP_BYTES)[:DRIP_BYTES]:
                await dialogue.send(bytes((octet,)))
                await asyncio.sleep(DRIP_S)
        finally:
            dialogue.abort()

    async def _smuggle(self, target: Endpoint) -> None:
        """Hide a second transaction behind something that looks like an end of data."""
        domain = self._recipient.rpartition("@")[2]
        false_end = _FALSE_ENDS[int(self._rng.random() * len(_FALSE_ENDS))]
        hidden = (
            f"MAIL FROM:<ceo@{domain}>\r\nRCPT TO:<{SMUGGLED}@{domain}>\r\nDATA\r\n"
            "Subject: smuggled\r\n\r\nPay at once.\r\n.\r\n"
        ).encode()
        dialogue = await self._open(target)
        try:
            await dialogue.hello("smuggler.example")
            for line in ("MAIL FROM:<nobody@smuggler.example>", f"RCPT TO:<{self._recipient}>", "DATA"):
                if (await dialogue.say(line))[:1] not in ("2", "3"):
                    return
            await dialogue.send(b"Subject: hello\r\n\r\nA line." + false_end + hidden)
            await dialogue.reply()
        finally:
            dialogue.abort()
