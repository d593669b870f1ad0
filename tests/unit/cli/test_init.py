"""`mailrail init`: a file that is good whatever was answered, and advice that promises nothing too much."""

import io
import stat
from itertools import product
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Program, Said

from mailrail.cli.exits import Exit
from mailrail.cli.init_advice import dns_advice, next_steps
from mailrail.cli.init_answers import Answers, chosen
from mailrail.config import MailrailSettings, Role, load, starter
from mailrail.directory import read_file
from mailrail.model import SystemClock
from mailrail.net import keep_self_signed
from mailrail.pickup import Access

HOST = "mx1.example.org"
PUBLIC = ("8.8.4.4", "2606:4700::1")
DOMAINS = (
    (),
    ("--domain", "example.org=10.0.0.5:25", "--domain", "bücher.example=lmtp:unix:/run/lmtp"),
    ("--domain", "example.org", "--domain", "EXAMPLE.net=lmtp:[2001:db8::5]:24"),
    ("--domain", "example.org=maildir"),
)
RELAYS = ((), ("--relay", "10.0.0.0/8", "--relay", "2001:db8::/32"))
SUBMISSION = ((), ("--submission",), ("--no-submission",))
TLS = (
    (),
    ("--certificate", "FILE", "FILE"),
    ("--acme", "--agree-to-terms", "--acme-contact", "ann@example.org"),
)
LOGIN = ("--smarthost-user", "ann", "--smarthost-password-file", "PASSWORD")
SMARTHOSTS = (
    (),
    ("--smarthost", "smtp.example.net"),
    ("--smarthost", "smtp.example.net", *LOGIN),
    ("--smarthost", "smtp.example.net:465", *LOGIN),
    ("--smarthost", "[2001:db8::1]", *LOGIN),
    ("--smarthost", "[2001:db8::1]:465"),
)
LISTEN = ((), ("--listen", "127.0.0.1:2525", "--listen", "[::1]:2525"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "mailrail.toml"


@pytest.fixture(autouse=True)
def known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailrail.cli.init.host_name", lambda: HOST)
    monkeypatch.setattr("mailrail.cli.init.outgoing_addresses", lambda: PUBLIC)


def _typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    answers = iter(lines)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _="": next(answers))
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _="": next(answers))


@pytest.mark.parametrize("domains", DOMAINS)
@pytest.mark.parametrize("tls", TLS)
def test_whatever_the_flags_the_file_passes_config_check(
    mailrail: Program, tmp_path: Path, domains: tuple[str, ...], tls: tuple[str, ...]
) -> None:
    pair = keep_self_signed(tmp_path, HOST, SystemClock())
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    stand_ins = {"FILE": str(pair.chain), "PASSWORD": str(password)}
    for number, parts in enumerate(product(RELAYS, SUBMISSION, SMARTHOSTS, LISTEN)):
        file = tmp_path / f"{number}.toml"
        flags = [stand_ins.get(word, word) for words in (domains, tls, *parts) for word in words]
        said = mailrail("init", "--yes", "--config", str(file), *flags)
        assert (said.code, said.err) == (0, ""), flags
        load(file)  # what `config check` does
    assert mailrail("config", "check", "--config", str(file)).code == 0


def test_a_file_that_is_there_is_left_alone(mailrail: Program, file: Path) -> None:
    file.parent.mkdir()
    file.write_text("mine")
    said = mailrail("init", "--yes", "--config", str(file))
    assert said.code == Exit.USAGE
    assert "is there already" in said.err
    assert file.read_text() == "mine"


def test_what_would_not_be_good_is_told_whole_and_not_kept(mailrail: Program, file: Path) -> None:
    said = mailrail(
        "init", "--yes", "--config", str(file), "--relay", "10.0.0.1/8", "--certificate", "/none", "/none"
    )
    assert said.code == Exit.CONFIG
    assert "10.0.0.1/8" in said.err
    assert not file.exists()


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--smarthost-user", "ann"), "--smarthost-user needs --smarthost"),
        (("--smarthost", "a.example", "--smarthost-user", "ann"), "needs --smarthost-password-file"),
        (("--acme",), "--acme needs --agree-to-terms"),
        (("--acme", "--certificate", "a", "b"), "exclude each other"),
        (("--domain", "exa mple=x"), "is not a domain"),
        (("--postmaster", f"Ann@{HOST.upper()}"), "is of this host itself"),
        (("--postmaster", "ann"), "ann"),
    ],
)
def test_flags_that_do_not_fit_together_are_told(
    mailrail: Program, file: Path, flags: tuple[str, ...], why: str
) -> None:
    said = mailrail("init", "--yes", "--config", str(file), *flags)
    assert said.code == Exit.USAGE
    assert why in said.err
    assert not file.exists()


def test_a_machine_without_a_name_must_be_told_one(
    mailrail: Program, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailrail.cli.init.host_name", lambda: "")
    said = mailrail("init", "--yes", "--config", str(file))
    assert said.code == Exit.USAGE
    assert "--hostname mx1.example.org" in said.err


def test_questions_are_asked_again_until_the_settings_agree(
    mailrail: Program, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _typed(
        monkeypatch,
        "mx1",
        HOST,
        "example.org=10.0.0.5:99999",
        "example.org=10.0.0.5",
        "",
        "10.0.0.1/8",
        "10.0.0.0/8",
        "",
        "y",  # logins
        "smtp.example.net:587",
        "ann",
        "secret",
        "n",
        "y",  # sendmail for everyone
        f"ann@{HOST}",
        "ann@example.org",
        "a\x07b",
        "",
    )
    said: Said = mailrail("init", "--config", str(file))
    assert said.code == 0, said.err
    assert "'mx1' is not a full host name" in said.out
    assert "'99999' is not a port" in said.out
    assert "write '10.0.0.0/8'" in said.out
    settings = load(file)
    assert [listener.endpoint.port for listener in settings.listener] == [25, 25, 587, 587, 465, 465]
    assert settings.route[0].login is not None
    password = settings.route[0].login.password_file
    assert password is not None
    assert password.read_text() == "secret\n"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert settings.users.file == file.with_name("users.toml")
    assert settings.maildrop.access is Access.EVERYONE
    assert f"ann@{HOST} is of this host itself" in said.out
    assert settings.report.postmaster == "ann@example.org"
    assert "can be nobody's name" in said.out
    assert "secret" not in file.read_text() + said.out


def _settings(answers: Answers, tmp_path: Path) -> MailrailSettings:
    file = tmp_path / "advice.toml"
    file.write_text(starter(chosen(answers)))
    return load(file)


def _dns(answers: Answers, tmp_path: Path, addresses: tuple[str, ...] = PUBLIC) -> str:
    text = "\n".join(dns_advice(answers, _settings(answers, tmp_path), addresses))
    return " ".join(text.split())  # however the columns stand


@pytest.mark.parametrize("domain", ["example.org=10.0.0.5:25", "example.org=maildir"])
def test_the_records_are_those_that_the_world_asks_for(tmp_path: Path, domain: str) -> None:
    said = _dns(Answers(hostname=HOST, domains=(domain,)), tmp_path)
    assert "mx1.example.org. A 8.8.4.4" in said
    assert "mx1.example.org. AAAA 2606:4700::1" in said
    assert "4.4.8.8.in-addr.arpa. PTR mx1.example.org." in said
    assert "example.org. MX 10 mx1.example.org." in said
    assert 'example.org. TXT "v=spf1 mx ~all"' in said
    assert '_dmarc.example.org. TXT "v=DMARC1; p=none; rua=mailto:postmaster@example.org"' in said


@pytest.mark.parametrize("word", ["DKIM", "_domainkey", "mta-sts", "_smtp._tls", "TLSA"])
def test_nothing_is_promised_that_mailrail_does_not_do(tmp_path: Path, word: str) -> None:
    said = _dns(Answers(hostname=HOST, domains=("example.org=10.0.0.5:25",)), tmp_path)
    assert word.lower() not in said.lower()


def test_a_backup_stands_behind_the_primary_and_sends_nothing_by_the_smarthost(tmp_path: Path) -> None:
    answers = Answers(hostname=HOST, domains=("example.org",), smarthost="smtp.example.net")
    said = _dns(answers, tmp_path)
    assert "example.org. MX 20 mx1.example.org." in said
    assert "v=spf1 mx" not in said, "its SPF record is the primary's business"
    assert "~all" not in said
    assert "include:NAME" in said
    routes = _settings(answers, tmp_path).route
    assert [(route.match, route.next_hop) for route in routes] == [
        ("example.org", ""),
        ("*", "smtp.example.net:25"),
    ]


def test_mail_of_cron_has_a_reader_and_the_host_needs_no_records_for_that(
    mailrail: Program, file: Path, tmp_path: Path
) -> None:
    flags = ("--postmaster", "ann@example.org", "--domain", "example.org=10.0.0.5:25")
    said = mailrail("init", "--yes", "--config", str(file), *flags)
    assert said.code == 0, said.err
    assert "Nobody reads mail" not in said.out
    rows = [line.split()[:2] for line in said.out.splitlines()]
    assert rows.count([f"{HOST}.", "TXT"]) == 1
    assert [f"{HOST}.", "MX"] not in rows
    assert load(file).report.postmaster == "ann@example.org"
    told = mailrail("explain", f"root@{HOST}", "--local", "--config", str(file))
    assert "ann@example.org" in told.out, told.err
    own = Answers(hostname=HOST, domains=(f"{HOST}=maildir",), postmaster="ann@example.org")
    assert _settings(own, tmp_path).domain[HOST].deliver == "maildir"


def test_behind_a_router_the_public_address_is_left_open(tmp_path: Path) -> None:
    said = _dns(Answers(hostname=HOST), tmp_path, ("10.0.0.7",))
    assert "A PUBLIC-ADDRESS" in said
    assert "has no public address (10.0.0.7)" in said


def test_the_next_steps_name_what_is_missing() -> None:
    bare = "\n".join(next_steps(Answers(hostname=HOST), Path("/a b.toml")))
    assert "mailrail doctor --config '/a b.toml'" in bare
    assert "takes mail for nobody" in bare
    assert "self-signed" in bare
    assert f"Nobody reads mail for root@{HOST}" in bare
    full = Answers(
        hostname=HOST,
        listen=("127.0.0.1:2525",),
        domains=("example.org",),
        users=Path("/users.toml"),
        acme_contact="",
    )
    said = "\n".join(next_steps(full, Path("/x")))
    assert "below 1024" not in said
    assert "For example.org this is a backup" in said
    assert "mailrail user add NAME --config /x" in said
    assert f"the world must reach {HOST} at port 80" in said


def test_who_keeps_mail_here_is_told_where_and_for_whom() -> None:
    said = "\n".join(next_steps(Answers(hostname=HOST, domains=("example.org=maildir",)), Path("/x")))
    assert "/var/vmail/DOMAIN/NAME" in said
    assert "[agent.maildir] user" in said
    assert "Every name there has a mailbox" in said
    assert "backup" not in said
    users = Answers(hostname=HOST, domains=("example.org=maildir",), users=Path("/users.toml"))
    assert "Every name" not in "\n".join(next_steps(users, Path("/x")))


def test_the_first_user_can_log_in_at_once(
    mailrail: Program, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    said = mailrail("init", "--yes", "--config", str(file), "--user", "Ann@example.org")
    assert said.code == 0, said.err
    assert "ann@example.org can log in." in said.out
    assert list(read_file(file.with_name("users.toml"))) == ["ann@example.org"]
    assert {listener.role for listener in load(file).listener} == {Role.MX, Role.SUBMISSION}
