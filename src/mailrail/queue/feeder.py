"""Floor 4 · queue — brings due mail from the spool into memory.

It sleeps until the next item is due, until somebody wakes it or tells it of an earlier one; never
less than the poll floor, so that a queue full of due mail without room costs nothing. Every minute it
watches the wall clock: a step forward is taken off every message's age, a step back makes everything
due, because what was to wait minutes would else wait for as long as the step (A62).
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Final

from mailrail.model import SECOND_US, Clock, StoreError
from mailrail.observe import Bus
from mailrail.queue.events import ClockStepped, SpoolUnreadable
from mailrail.queue.jumps import ClockJumps
from mailrail.spool import Change, Filter, Lease, Spool, Want

BATCH: Final = 500  # items a claim, so that neither the spool's thread nor the loop is held for long
LONGEST_REST_S: Final = 60.0
_OURS_S: Final = 3600.0  # ours; trouble of our own, which counts as no try, makes nothing wait longer
# Whoever stores, changes or makes room says so. The spool is looked into all the same, but a write and a read a
# minute for nothing keep disks and laptops from sleeping.
_LOOK_US: Final = 600 * SECOND_US


class Feeder:
    """Claims due items whenever there is room.

    Args:
        want: says what there is room for now; a limit of 0: nothing.
        accept: takes the claimed leases.
        tidy: called about once a minute.

    Attributes:
        poll_s: it looks into the spool at most this often.
    """

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        bus: Bus,
        jumps: ClockJumps,
        *,
        poll_s: float,
        want: Callable[[], Want],
        accept: Callable[[Sequence[Lease]], None],
        tidy: Callable[[], None],
    ) -> None:
        self._spool = spool
        self._clock = clock
        self._bus = bus
        self._jumps = jumps
        self.poll_s = poll_s
        self._want = want
        self._accept = accept
        self._tidy = tidy
        self._woken = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s = math.inf
        self._expected_s = math.inf
        self._owed_step_s = 0.0  # a step back whose retry is still to be done
        self._due_us = 0.0  # by the last look nothing is due before
        self._told_us = math.inf  # the earliest that we were told of since that began

    def wake(self) -> None:
        """Look into the spool soon: something was stored, changed, or there is room again."""
        self._woken.set()

    def expect(self) -> None:
        """Look again after the poll time: something is being stored without a lease."""
        # Kept apart from the alarm: one that is due sooner may ring before this is stored.
        self._expected_s = asyncio.get_running_loop().time() + self.poll_s
        self._set_alarm(self._expected_s)

    def expect_at(self, due_us: int) -> None:
        """Look again at *due_us*, or after the poll time if that is later: something was stored for then."""
        self._told_us = min(self._told_us, due_us)
        wait_s = max((due_us - self._clock.now_us()) / SECOND_US, self.poll_s)
        if wait_s < LONGEST_REST_S:
            self._set_alarm(asyncio.get_running_loop().time() + wait_s)

    def _set_alarm(self, at_s: float) -> None:
        """Be woken at *at_s* at the latest."""
        if at_s >= self._alarm_s:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_s = at_s
        self._alarm = asyncio.get_running_loop().call_at(at_s, self._ring)

    def _ring(self) -> None:
        self._alarm_s = math.inf
        self._woken.set()

    async def run(self) -> None:
        """Feed until cancelled."""
        trouble_s = 0.0
        while True:
            try:
                rest_s = await self._turn()
                trouble_s = 0.0
            except StoreError as error:
                trouble_s = rest_s = min(max(trouble_s * 2, self.poll_s), LONGEST_REST_S)
                self._bus.emit(SpoolUnreadable(error=str(error), retry_s=rest_s))
                await asyncio.sleep(rest_s)
                continue
            left_s = self._expected_s - asyncio.get_running_loop().time()
            await self._rest(min(rest_s, left_s) if left_s > 0 else rest_s)

    async def _turn(self) -> float:
        """Look once and return for how long to rest; 0.0: there is more."""
        await self._watch_clock()
        self._tidy()
        if not self._has_cause():
            return self._rest_s()
        self._due_us, self._told_us = 0.0, math.inf
        self._woken.clear()
        want = self._want()
        if want.limit <= 0:
            return LONGEST_REST_S
        leases = await self._spool.claim(want)
        if leases:
            self._accept(leases)
            return 0.0
        due_us = await self._spool.next_due_us(self._want().busy)
        look_us = self._clock.now_us() + _LOOK_US
        self._due_us = look_us if due_us is None else min(due_us, look_us)
        return self._rest_s()

    def _has_cause(self) -> bool:
        """Tell whether there may be something in the spool for us."""
        is_stored = asyncio.get_running_loop().time() >= self._expected_s
        if is_stored:
            self._expected_s = math.inf
        return is_stored or self._woken.is_set() or self._clock.now_us() >= self._next_us

    @property
    def _next_us(self) -> float:
        return min(self._due_us, self._told_us)

    def _rest_s(self) -> float:
        until_s = (self._next_us - self._clock.now_us()) / SECOND_US
        return min(max(until_s, self.poll_s), LONGEST_REST_S)

    async def _rest(self, rest_s: float) -> None:
        if rest_s <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(rest_s):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _watch_clock(self) -> None:
        step_s = self._jumps.observe(self._clock.now_us(), asyncio.get_running_loop().time())
        if step_s:
            self._bus.emit(ClockStepped(step_s=step_s))
        if step_s < 0:
            self._owed_step_s -= (
                step_s  # until it is done: the step is seen only once, the disk may be full now
            )
        if self._owed_step_s:
            # What a sender has kept back for longer than the step stays so (RFC 4865).
            until_us = self._clock.now_us() + int((self._owed_step_s + _OURS_S) * SECOND_US)
            await self._spool.mutate(Filter(untried_until_us=until_us), Change.RETRY)
            self._owed_step_s = 0.0
            self._due_us = 0.0
