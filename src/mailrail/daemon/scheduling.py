"""Floor 5 · daemon — how the system is asked to share its cores between us and the others."""

import contextlib
import os
import sys


def interrupt_nobody() -> None:
    """Ask the system for SCHED_BATCH (sched(7)): it lets who runs run on when there is something for us, which is more by then; a free core is ours at once as before.

    With load and sink on the same two cores 3,865 instead of 3,653 messages a second over kept connections, 2,042 instead of 2,006 over
    new ones (medians of five and four turns). What somebody else has chosen for us stays: `chrt`, CPUSchedulingPolicy= of systemd.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it; musl answers ENOSYS to both
            if os.sched_getscheduler(0) == os.SCHED_OTHER:
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
