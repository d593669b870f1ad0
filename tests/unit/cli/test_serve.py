"""`mailrail serve` that cannot: what happened, the mend, and the exit code, whichever room it comes from."""

import errno
import os

import pytest
from tests.unit.cli.conftest import Program

from mailrail import daemon as mailrail_daemon
from mailrail.cli.exits import Exit
from mailrail.model import MailrailError, NetError, NetTrouble, StoreError, StoreTrouble


def caused(error: MailrailError, number: int) -> MailrailError:
    error.__cause__ = OSError(number, os.strerror(number))
    return error


def listener(number: int) -> MailrailError:
    return caused(NetError(NetTrouble.OTHER, "listen on 0.0.0.0:25: no"), number)


@pytest.mark.parametrize(
    ("error", "code", "mend"),
    [
        (listener(errno.EADDRINUSE), Exit.UNAVAILABLE, "another program has it"),
        (listener(errno.EACCES), Exit.NO_PERMISSION, "ports below 1024"),
        (listener(errno.EADDRNOTAVAIL), Exit.UNAVAILABLE, "no such address"),
        (
            caused(StoreError(StoreTrouble.FAILED, "no"), errno.EACCES),
            Exit.NO_PERMISSION,
            "another spool.path",
        ),
        (
            StoreError(StoreTrouble.LOCKED, "in use by process 7: stop that one"),
            Exit.TEMPORARY,
            "stop that one",
        ),
    ],
)
def test_what_keeps_the_server_from_its_work_is_told_with_its_mend(
    error: MailrailError, code: Exit, mend: str, mailrail: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object) -> None:
        raise ExceptionGroup("tasks", [ExceptionGroup("inner", [error])])

    monkeypatch.setattr(mailrail_daemon, "run", run)
    said = mailrail("serve")
    assert said.code == code
    assert f"mailrail: {error} (settings: " in said.err
    assert mend in said.err


def test_a_fault_of_ours_is_not_hidden(mailrail: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise ExceptionGroup("tasks", [ZeroDivisionError()])

    monkeypatch.setattr(mailrail_daemon, "run", run)
    with pytest.raises(ExceptionGroup):
        mailrail("serve")
