"""Floor 3 · directory — who lives here: which names are users, remembered for seconds, for every recipient of every message asks it.

For mailboxes only: who logs in is looked up each time. That a source is out of order is never remembered, for then mail is only put off; and what is
remembered goes at once when the source tells that it has changed, and with each reload, which makes a new one of these.
"""

import asyncio
from collections import OrderedDict
from functools import partial
from typing import Final

from mailrail.directory.directory import Directory
from mailrail.promise import Flights

# Ours; a list of guessed names pushes out what nobody has asked for meanwhile, and no more.
MOST_REMEMBERED: Final = 10_000


class Residents:
    """Tells who is there, through a memory.

    Args:
        remembered_s: how long an answer serves; 0: not at all.
    """

    def __init__(self, directory: Directory, remembered_s: float) -> None:
        self._directory = directory
        self._remembered_s = remembered_s
        # Least recently used first; until when on the loop's clock, what the source was then, and whether there is such a user.
        self._answers: OrderedDict[str, tuple[float, object, bool]] = OrderedDict()
        self._flights = Flights[str, bool]()

    async def has(self, name: str) -> bool:
        """Tell whether there is a user *name* who may log in.

        Args:
            name: in the spelling of `login_name`.

        Raises:
            DirectoryError: it cannot be known now.

        *Cancel-safe:* yes.
        """
        until_s, version, is_there = self._answers.get(name, (0.0, None, False))
        if asyncio.get_running_loop().time() < until_s and version == self._directory.version():
            self._answers.move_to_end(name)
            return is_there
        return await self._flights.share(name, partial(self._ask, name))

    async def _ask(self, name: str) -> bool:
        version = self._directory.version()
        is_there = await self._directory.find(name) is not None
        if self._remembered_s:
            until_s = asyncio.get_running_loop().time() + self._remembered_s
            self._answers[name] = (until_s, version, is_there)
            self._answers.move_to_end(name)
            if len(self._answers) > MOST_REMEMBERED:
                self._answers.popitem(last=False)
        return is_there
