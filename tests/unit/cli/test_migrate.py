"""`mailrail import postfix`: files that are good and private, a report, and nothing overwritten."""

import json
import stat
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Program

from mailrail.cli.exits import Exit
from mailrail.config import load

MAIN = """\
compatibility_level = 3.6
myhostname = mx1.example.org
mydestination =
inet_interfaces = 127.0.0.1
mynetworks = 127.0.0.0/8
relayhost = [smtp.example.net]:587
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd
virtual_alias_domains = example.org
virtual_alias_maps = hash:/etc/postfix/virtual
content_filter = smtp:[127.0.0.1]:10024
"""


@pytest.fixture
def postfix(tmp_path: Path) -> Path:
    folder = tmp_path / "postfix"
    folder.mkdir()
    (folder / "main.cf").write_text(MAIN)
    (folder / "master.cf").write_text("smtp inet n - n - - smtpd\n")
    (folder / "sasl_passwd").write_text("[smtp.example.net]:587 ann:hunter2\n")
    (folder / "virtual").write_text("info@example.org ann\n")
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "mailrail.toml"


def test_the_file_is_written_and_good_and_its_password_is_private(
    mailrail: Program, postfix: Path, file: Path
) -> None:
    said = mailrail("import", "postfix", str(postfix), "--config", str(file))
    assert said.code == Exit.OK
    assert f"{file} is written, and good. mx1.example.org would listen at 127.0.0.1:25." in said.err
    settings = load(file)
    assert settings.route[0].next_hop == "smtp.example.net:587"
    secret = file.with_name("smtp.example.net.password")
    assert secret.read_text() == "hunter2\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert "info@example.org  ann@mx1.example.org" in file.with_name("virtual").read_text()
    assert "hunter2" not in said.out + said.err + file.read_text()
    assert "main.cf:11: content_filter = smtp:[127.0.0.1]:10024" in said.out


def test_the_report_for_programs_is_one_object_a_line(mailrail: Program, postfix: Path, file: Path) -> None:
    said = mailrail("import", "postfix", str(postfix), "--config", str(file), "--json")
    rows = [json.loads(line) for line in said.out.splitlines()]
    (row,) = [row for row in rows if row["name"] == "content_filter"]
    assert (row["fate"], row["place"], row["settings"]) == ("not_supported", "main.cf:11", [])


def test_a_dry_run_writes_nothing(mailrail: Program, postfix: Path, file: Path) -> None:
    said = mailrail("import", "postfix", str(postfix), "--config", str(file), "--dry-run")
    assert said.code == Exit.OK
    assert "Taken over" in said.out
    assert not file.parent.exists()


@pytest.mark.parametrize("name", ["mailrail.toml", "smtp.example.net.password", "virtual"])
def test_what_is_there_is_never_overwritten(mailrail: Program, postfix: Path, file: Path, name: str) -> None:
    file.parent.mkdir()
    file.with_name(name).write_text("mine")
    said = mailrail("import", "postfix", str(postfix), "--config", str(file))
    assert said.code == Exit.USAGE
    assert f"{file.with_name(name)} is there already" in said.err
    assert [(one.name, one.read_text()) for one in file.parent.iterdir()] == [(name, "mine")]


def test_settings_that_cannot_be_used_yet_stay_and_are_told(
    mailrail: Program, postfix: Path, file: Path
) -> None:
    with (postfix / "main.cf").open("a") as stream:
        stream.write("smtpd_tls_cert_file = /no/such/file.pem\n")
    said = mailrail("import", "postfix", str(postfix), "--config", str(file))
    assert said.code == Exit.CONFIG
    assert "is written, but cannot be used yet" in said.err
    assert "/no/such/file.pem" in said.err
    assert file.exists()


def test_a_directory_without_a_postfix_is_told(mailrail: Program, tmp_path: Path, file: Path) -> None:
    said = mailrail("import", "postfix", str(tmp_path), "--config", str(file))
    assert said.code == Exit.CONFIG
    assert "has no main.cf" in said.err
