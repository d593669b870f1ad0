"""Floor 5 · sim — an honest client: it brings a message as RFC 5321 wants it, and comes again while it is told "later".

It remembers for each recipient what was answered, so it never brings again what was taken or refused. A
connection that breaks after the final dot leaves it in doubt: it brings the message once more, as any real client does.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailrail.model import NetError, Rng
from mailrail.net import Endpoint, Network
from mailrail.sim.ledger import Ledger
from mailrail.sim.posting import Posting, Wanted
from mailrail.sim.strangers import Dialogue

FIRST_WAIT_S: Final = 60.0
LONGEST_WAIT_S: Final = 3600.0
PATIENT_S: Final = 5 * 86_400.0
SESSION_MESSAGES: Final = 100


@dataclass(frozen=True, slots=True)
class Route:
    """The way of a client into mailrail.

    Attributes:
        network: the client's side of it.
        doors: listeners, each with the name of its node; the next one is tried where one does not answer.
        source: the address to come from, or None.
    """

    network: Network
    doors: tuple[tuple[str, Endpoint], ...]
    source: str | None = None


class Postman:
    """Brings one message after the other, over one connection as long as that lasts."""

    def __init__(self, route: Route, ledger: Ledger, rng: Rng, name: str = "client.sim.invalid") -> None:
        self._route = route
        self._ledger = ledger
        self._rng = rng
        self._name = name
        self._dialogue: Dialogue | None = None
        self._offer: frozenset[str] = frozenset()
        self._sent = 0
        self._door = 0

    async def bring(self, posting: Posting) -> int:
        """Bring *posting*, and come again until every recipient is answered for good or patience ends.

        Returns:
            How many recipients were never answered for good.
        """
        loop = asyncio.get_running_loop()
        end_s, wait_s, trial = loop.time() + PATIENT_S, FIRST_WAIT_S, 0
        left = list(posting.recipients)
        while True:
            trial += 1
            try:
                final = await self._try(posting, trial, left)
            except NetError:
                self._forget()
                self._door += 1
                final = set()
            left = [one for one in left if one.address not in final]
            if not left or loop.time() + wait_s > end_s:
                return len(left)
            await self.rest()
            await asyncio.sleep(wait_s * self._rng.uniform(0.8, 1.2))
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def rest(self) -> None:
        """Say goodbye; the next message takes a new connection."""
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            await dialogue.quit()

    def _forget(self) -> None:
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            dialogue.abort()

    # --- one try

    async def _try(self, posting: Posting, trial: int, wanted: Sequence[Wanted]) -> set[str]:
        """Do one transaction; return who was answered for good.

        Raises:
            NetError: the connection broke; the ledger knows if that was after the final dot.
        """
        if self._sent >= SESSION_MESSAGES:
            await self.rest()
        dialogue = self._dialogue or await self._open()
        if dialogue is None:
            return set()
        self._sent += 1
        content = posting.content(trial)
        replies = await self._envelope(dialogue, posting, wanted, len(content))
        final = {one.address for one, reply in zip(wanted, replies[1:-1], strict=True) if reply[0] == "5"}
        granted = [one for one, reply in zip(wanted, replies[1:-1], strict=True) if reply[0] == "2"]
        if replies[0][0] != "2":
            return {one.address for one in wanted} if replies[0][0] == "5" else set()
        if replies[-1][0] != "3":
            await self._reset(dialogue)
            return final | {one.address for one in granted if replies[-1][0] == "5"}
        if not granted:  # a pipelined DATA that was let through all the same
            await dialogue.send(b".\r\n")
            await dialogue.reply()
            return final
        reply = await self._content(dialogue, posting, trial, granted, content)
        return final | ({one.address for one in granted} if reply[0] in "25" else set())

    async def _open(self) -> Dialogue | None:
        """Connect and say EHLO; None where the server does not want to talk."""
        _, endpoint = self._route.doors[self._door % len(self._route.doors)]
        dialogue = await Dialogue.open(self._route.network, endpoint, self._route.source)
        self._dialogue, self._sent = dialogue, 0
        self._offer = await dialogue.hello(self._name)
        if self._offer:
            return dialogue
        await self.rest()
        self._door += 1
        return None

    async def _envelope(
        self, dialogue: Dialogue, posting: Posting, wanted: Sequence[Wanted], size_bytes: int
    ) -> list[str]:
        """Say MAIL, RCPT and DATA, and return the reply to each."""
        size = f" SIZE={size_bytes}" if "SIZE" in self._offer else ""
        body = " BODY=8BITMIME" if posting.is_8bit and "8BITMIME" in self._offer else ""
        lines = [f"MAIL FROM:<{posting.sender}>{size}{body}"]
        for one in wanted:
            notify = f" NOTIFY={one.notify}" if one.notify and "DSN" in self._offer else ""
            lines.append(f"RCPT TO:<{one.address}>{notify}")
        lines.append("DATA")
        if "PIPELINING" in self._offer:
            await dialogue.send("".join(f"{line}\r\n" for line in lines).encode())
            return [await dialogue.reply() for _ in lines]
        replies = [await dialogue.say(line) for line in lines[:-1]]
        is_any = replies[0][0] == "2" and any(reply[0] == "2" for reply in replies[1:])
        return [*replies, await dialogue.say("DATA") if is_any else "503 nobody to send it to"]

    async def _reset(self, dialogue: Dialogue) -> None:
        if not (await dialogue.say("RSET")).startswith("250"):
            await self.rest()

    async def _content(
        self, dialogue: Dialogue, posting: Posting, trial: int, granted: Sequence[Wanted], content: bytes
    ) -> str:
        """Send the content and return the reply to it."""
        node, _ = self._route.doors[self._door % len(self._route.doors)]
        copy = self._ledger.offered(posting, trial, node, granted)
        try:
            # RFC 5321 §4.5.2: a line that begins with a dot gets another one.
            await dialogue.send((b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
            reply = await dialogue.reply()
        except NetError:
            self._ledger.answered(copy, "")
            raise
        self._ledger.answered(copy, reply)
        return reply
