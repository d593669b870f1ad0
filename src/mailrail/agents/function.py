"""Floor 4 · agents — hands messages to a Python function: `function = "module:function"`.

    def take(envelope: Envelope, message: BinaryIO) -> None: ...        # or: async def

It is called in a thread, several at one time, or awaited in the loop if it is `async`. It has taken the message when it returns None. A text such as
"550 5.1.1 No such user" or "450 4.2.0 Not now" is a reply instead; what it raises is "not now". It is the operator's own code
and has all our rights; it must know a repetition by itself (`queue_id`), for we may end before we have noted that it has the message.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, cast

from mailrail.agents import classify
from mailrail.agents.api import Letter
from mailrail.agents.copying import beginning_of, copy_into, scratch
from mailrail.agents.postmark import sender_for
from mailrail.agents.settings import AgentSettings
from mailrail.agents.tools import Tools
from mailrail.model import Outcome, Recipient
from mailrail.tables import find_function


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What a function is told of a message, beside the message.

    Attributes:
        sender: the reverse-path, "" for the null one.
        recipients: those of this call.
        original_recipients: what their senders called them, as far as it is known.
        arrived_us: when it came, microseconds since 1970 UTC.
        client: IP address of who brought it, "" if it was made here.
        user: who had logged in for it, or "".
    """

    queue_id: str
    sender: str
    recipients: tuple[str, ...]
    original_recipients: tuple[str, ...]
    arrived_us: int
    client: str
    user: str


class FunctionAgent:
    """Delivers by a function (an Agent)."""

    def __init__(self, settings: AgentSettings, tools: Tools) -> None:
        """Find the function.

        Raises:
            SettingsError: there is none.
        """
        self._settings = settings
        self._tools = tools
        self._function = find_function(settings.function)

    async def deliver(self, letter: Letter) -> Sequence[Outcome]:
        """Call it, once for each recipient or once for all."""
        if self._settings.together:
            return [await self._call(letter, letter.recipients)] * len(letter.indexes)
        return [await self._call(letter, [recipient]) for recipient in letter.recipients]

    def explain(self, recipient: Recipient) -> list[str]:
        """Say which."""
        return [f"handed to the function {self._settings.function}"]

    def close(self) -> None:
        """Take nothing more."""
        self._tools.threads.close()

    async def _call(self, letter: Letter, recipients: Sequence[Recipient]) -> Outcome:
        beginning = await beginning_of(letter)
        with scratch() as file:
            await copy_into(file, letter, beginning, self._tools.threads, unix_ends=False)
            file.seek(0)
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    said = await self._answer(_envelope(letter, recipients), file)
            except TimeoutError:
                return classify.too_slow(self._settings.timeout_s)
            except Exception as error:  # somebody else's code: "not now", and the reason in the log
                return classify.failed_now(
                    f"{self._settings.function} raised {type(error).__name__}: {error}"
                )
        return classify.from_said(said, self._settings.function)

    async def _answer(self, envelope: HandedOver, file: IO[bytes]) -> object:
        if inspect.iscoroutinefunction(self._function):
            return await cast("Callable[..., Awaitable[object]]", self._function)(envelope, file)
        return await self._tools.threads.run(partial(self._function, envelope, file))


def _envelope(letter: Letter, recipients: Sequence[Recipient]) -> HandedOver:
    message = letter.message
    return HandedOver(
        queue_id=message.queue_id,
        sender=str(sender_for(message.envelope, recipients[0]) or ""),
        recipients=tuple(one.forward_path.text for one in recipients),
        original_recipients=tuple(one.orcpt.partition(";")[2] or one.forward_path.text for one in recipients),
        arrived_us=message.arrived_us,
        client=message.origin.client,
        user=message.origin.user,
    )
