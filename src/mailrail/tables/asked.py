"""Floor 2 · tables — a table that is asked elsewhere: remembered answers, one question a key at a time, a limit for everything.

A table that is down is asked again with each new key, for that is how we learn that it is back; those who ask are not kept longer than the time limit, nor
in greater number than the settings say. What was found before then goes on to serve for a while, for a user does not vanish with the database. That
somebody was *not* there does not serve: it is said to clients for good.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Final

from mailrail.observe import Bus
from mailrail.promise import Flights
from mailrail.tables.api import Known, Table, TableError
from mailrail.tables.events import TableFailed, TableRestored
from mailrail.tables.settings import AskedSettings
from mailrail.tables.turns import Turns

_REST_S: Final = 5.0  # ours
Values = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is remembered of one key.

    Attributes:
        until_s: on the loop's clock.
    """

    values: Values
    until_s: float


class AskedTable:
    """Implements Table around another one."""

    def __init__(self, name: str, inner: Table, settings: AskedSettings, bus: Bus) -> None:
        self._name = name
        self._inner = inner
        self._settings = settings
        self._bus = bus
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._flights = Flights[str, Values]()
        self._turns = Turns(settings.at_once, settings.waiting, settings.timeout_s)
        self._failed = 0
        self._failed_s = -_REST_S

    def at_once(self, key: str) -> Known | None:
        """Return what the table held a moment ago under *key*, None where it must be asked."""
        known = self._answers.get(key)
        if known is None or asyncio.get_running_loop().time() >= known.until_s:
            return None
        self._answers.move_to_end(key)
        return Known(known.values)

    async def look_up(self, key: str) -> Values:
        """Return what the table holds, or held a moment ago, under *key*."""
        if (fresh := self.at_once(key)) is not None:
            return fresh.values
        known, now_s = self._answers.get(key), asyncio.get_running_loop().time()
        stale = None if known is None or now_s >= known.until_s + self._settings.stale_s else known.values
        if stale is not None and now_s < self._failed_s + _REST_S:
            return stale  # it has just been found to be down: nobody need wait for that again
        try:
            return await self._flights.share(key, partial(self._ask, key))
        except TableError:
            if stale is None:
                raise
            return stale

    async def _ask(self, key: str) -> Values:
        try:
            values = await self._turns.ask(lambda: self._inner.look_up(key))
        except TableError as error:
            self._has_failed(error)
            raise
        if self._failed:
            self._bus.emit(TableRestored(table=self._name, failed=self._failed))
            self._failed, self._failed_s = 0, -_REST_S
        self._remember(key, values)
        return values

    def _has_failed(self, error: TableError) -> None:
        self._failed += 1
        self._failed_s = asyncio.get_running_loop().time()
        if self._failed == 1:
            self._bus.emit(TableFailed(table=self._name, reason=str(error)))

    def _remember(self, key: str, values: Values) -> None:
        for_s = self._settings.missing_s if values is None else self._settings.found_s
        self._answers.pop(key, None)
        if for_s:
            self._answers[key] = Answer(values, asyncio.get_running_loop().time() + for_s)
            if len(self._answers) > self._settings.remembered:
                self._answers.popitem(last=False)

    def describe(self) -> str:
        """Return what is asked, for people, and whether it answers."""
        trouble = ", which does not answer now" if self._failed else ""
        return f"{self._inner.describe()}{trouble}"

    async def close(self) -> None:
        """Let go of what is asked."""
        await self._inner.close()
