"""Whether agents can do their work, as the server that is to run."""

import os
from pathlib import Path
from typing import Any

import pytest
from tests.unit.doctor.ward import HOST, SETTINGS, found, only

from mailrail.doctor import Finding, Level

ME = {"user": "root"} if os.geteuid() == 0 else {}


def local(base: Path, agent: dict[str, Any]) -> list[Finding]:
    (base / "spool").mkdir(mode=0o700)
    domain = {"example.org": {"deliver": "local"}}
    settings = {"hostname": HOST, "domain": domain, "agent": {"local": agent}}
    return found("agents", base, settings=settings)


def test_mailboxes_that_can_be_made_are_good(tmp_path: Path) -> None:
    agent = {"kind": "maildir", "path": f"{tmp_path}/mail/{{domain}}/{{local_part}}", **ME}
    assert f"{tmp_path}/mail/example.org/postmaster" in only(local(tmp_path, agent), Level.OK).what


def test_a_program_that_is_there_is_good(tmp_path: Path) -> None:
    agent = {"kind": "pipe", "command": ["/bin/cat"], **ME}
    assert "runs /bin/cat as" in only(local(tmp_path, agent), Level.OK).what


def test_a_program_that_is_not_there_or_may_not_be_run_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "program"
    agent = {"kind": "pipe", "command": [str(program)], **ME}
    assert "there is no program" in only(local(tmp_path, agent), Level.ERROR).what
    program.write_text("x")
    (tmp_path / "spool").rmdir()
    assert only(local(tmp_path, agent), Level.ERROR).mend == f"chmod 755 {program}"


@pytest.mark.skipif(os.geteuid() != 0, reason="asks for the rights of another account")
def test_a_place_where_the_account_may_not_write_is_an_error_with_its_mend(tmp_path: Path) -> None:
    agent = {"kind": "mbox", "path": f"{tmp_path}/boxes/{{local_part}}", "user": "nobody"}
    finding = only(local(tmp_path, agent), Level.ERROR)
    assert f"nobody may not write in {tmp_path}" in finding.what
    assert finding.mend == f"install -d -o nobody -m 700 {tmp_path}/boxes"


@pytest.mark.skipif(os.geteuid() != 0, reason="a server that runs as root")
def test_root_without_an_account_is_an_error(tmp_path: Path) -> None:
    finding = only(local(tmp_path, {"kind": "maildir", "path": f"{tmp_path}/x"}), Level.ERROR)
    assert "mailrail runs as root" in finding.why


def test_a_mailbox_that_is_to_be_there_and_is_not_is_an_error(tmp_path: Path) -> None:
    agent = {"kind": "maildir", "path": f"{tmp_path}/mail/{{local_part}}", "create": False, **ME}
    assert "is not there" in only(local(tmp_path, agent), Level.ERROR).what


def test_what_needs_nothing_is_good_and_no_agent_is_a_note(tmp_path: Path) -> None:
    assert "needs nothing" in only(local(tmp_path, {"kind": "discard"}), Level.OK).what
    assert "no mail is delivered" in only(found("agents", tmp_path, settings=SETTINGS), Level.NOTE).what
