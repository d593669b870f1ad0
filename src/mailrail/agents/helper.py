"""Floor 4 · agents — a process that writes into mailboxes with the rights of their owner: `python -m mailrail.agents.helper UID GID GROUPS`.

It is started by a daemon that runs as root, and is another account before it reads the first order: uid, gid and groups, the
saved ones too, and with them all capabilities. What it imports, it imports before that, for the account may not be able to read our code. It ends
when its standard input does.
"""

import os
import sys
from typing import BinaryIO, Final

import msgspec

from mailrail.agents.deposit import LockedError, Order
from mailrail.agents.frames import LOCKED, Answer, FrameError, frame, read_frame, to_answer
from mailrail.agents.grounds import Grounds
from mailrail.agents.steps import Steps
from mailrail.model import Outcome
from mailrail.spool import SystemDisk

_UMASK: Final = 0o077


def become(uid: int, gid: int, groups: list[int]) -> None:
    """Be another account for good.

    Raises:
        OSError: we may not.
        RuntimeError: there is a way back.
    """
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (gid, gid, gid):
        raise RuntimeError("the account was not changed for good")
    try:
        os.setuid(0)
    except PermissionError:
        return
    raise RuntimeError("there is a way back to root")


def serve(orders: BinaryIO, answers: BinaryIO) -> None:
    """Carry out orders until there are no more."""
    grounds = Grounds(SystemDisk())
    while True:
        try:
            order = msgspec.json.decode(read_frame(orders.read), type=Order)
        except FrameError:
            return
        try:
            answer = _carry_out(order, orders, grounds)
        except FrameError:
            return  # who ordered it has given it up
        answers.write(frame(msgspec.json.encode(answer)))
        answers.flush()


def _carry_out(order: Order, orders: BinaryIO, grounds: Grounds) -> Answer:
    """Write what comes.

    Raises:
        FrameError: it did not come whole; nothing is left of it.
    """
    steps = Steps(order, grounds)
    answer: Answer | None = None
    try:
        answer = _told(steps.begin())
    except LockedError:
        answer = LOCKED
    try:
        while piece := read_frame(orders.read):
            answer = answer or _told(steps.write(piece))
    except FrameError:
        steps.abort()
        raise
    answer = answer or _told(steps.finish())
    assert answer is not None, "the last step has an outcome"
    return answer


def _told(outcome: Outcome | None) -> Answer | None:
    return None if outcome is None else to_answer(outcome)


def main() -> None:
    """Become who is meant, and serve."""
    uid, gid, groups = sys.argv[1:]
    os.umask(_UMASK)
    become(int(uid), int(gid), [int(one) for one in groups.split(",") if one])
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
