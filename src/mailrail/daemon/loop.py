"""Floor 5 · daemon — asyncio's loop, with a clock that is asked without a call of Python code."""

import asyncio
import time


class Loop(asyncio.SelectorEventLoop):
    """Tells the time by the system's function itself, which asyncio's method calls: a relayed message asks nine times."""

    time = staticmethod(time.monotonic)  # noqa: TID251 -- this is the running loop's time
