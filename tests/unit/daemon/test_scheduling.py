"""How the daemon asks to be scheduled; that it is so is seen in tests/e2e/test_life.py."""

import errno
import os
import sys

import pytest

from mailrail.daemon.scheduling import interrupt_nobody

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the call is Linux's")


def test_what_somebody_has_chosen_for_us_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda _pid, policy, _param: asked.append(policy))
    for policy in (os.SCHED_IDLE, os.SCHED_FIFO, os.SCHED_OTHER):
        monkeypatch.setattr(os, "sched_getscheduler", lambda _, policy=policy: policy)
        interrupt_nobody()
    assert asked == [os.SCHED_BATCH]


@pytest.mark.parametrize(
    ("call", "number"), [("sched_getscheduler", errno.ENOSYS), ("sched_setscheduler", errno.EPERM)]
)
def test_where_the_system_does_not_have_it_mail_goes_on(
    call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "sched_getscheduler", lambda _: os.SCHED_OTHER)
    monkeypatch.setattr(os, call, refuse)
    interrupt_nobody()
