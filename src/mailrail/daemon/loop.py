"""Floor 5 · daemon — asyncio's loop, as far as each message passes through it: the same in fewer calls of Python code."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple, Unpack

Args = TypeVarTuple("Args")


class Loop(asyncio.SelectorEventLoop):
    """Tells the time and takes callbacks without the questions that only a debugging or a closed loop has to ask.

    A relayed message asks for the time nine times and has one and a half tasks woken: that was 175 steps of byte code in
    26 calls, and is 95 in 14.
    """

    # The loop's own names (asyncio/base_events.py, the same from Python 3.4 to 3.14).
    _ready: deque[asyncio.Handle]
    _debug: bool

    # What the method of this name returns, without the method.
    time = staticmethod(time.monotonic)  # noqa: TID251 -- this is the running loop's time

    def call_soon(
        self,
        callback: Callable[[Unpack[Args]], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Call *callback* in the loop's next turn."""
        if self._debug:
            return super().call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle
