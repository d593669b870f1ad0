"""`mailrail explain`: by settings alone where they name the host, so that no DNS is needed."""

import json
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Program

from mailrail.addresses import SIGNING_KEYS, BatvSettings, SignedPaths, SrsSettings, keep_keys
from mailrail.cli.exits import Exit
from mailrail.directory import User, write_user
from mailrail.model import SystemClock, parse_address, system_rng


def test_mail_for_our_domain_is_taken_and_goes_where_the_settings_say(mailrail: Program) -> None:
    said = mailrail("explain", "bob@EXAMPLE.org")
    assert said.code == 0
    assert "taken, because:" in said.out
    assert "the domain is one of ours" in said.out
    assert 'relay_to of domain."example.org"' in said.out
    assert "at 10.0.0.5:25" in said.out


def test_mail_for_others_is_refused_to_strangers_with_the_reply_they_get(mailrail: Program) -> None:
    said = mailrail("explain", "x@elsewhere.example", "--ip", "198.51.100.7")
    assert "refused, because:" in said.out
    assert "198.51.100.7 is not in relay.networks" in said.out
    assert "550 5.7.1 Relaying denied" in said.out
    assert "were it taken, it would go out:" in said.out


def test_mail_from_a_network_that_may_relay_is_taken(mailrail: Program) -> None:
    said = mailrail("explain", "x@elsewhere.example", "--ip", "192.0.2.9", "--from", "alice@example.org")
    assert "192.0.2.9 is in 192.0.2.0/24 of relay.networks" in said.out
    assert 'route 1, match = "*"' in said.out
    assert "a notice to the sender would go:" in said.out


@pytest.mark.parametrize(
    ("maildrop", "words"),
    [
        ("", ["taken, because", "the user that the server runs as and root may hand in mail"]),
        (
            'access = "everyone"\nusers = ["ann"]',
            ["everyone on this machine may", "but only ann: maildrop.users"],
        ),
        ('senders = "own"\ntrusted = ["www"]', ["as anybody: root, the server's user, www"]),
        ('access = "nobody"', ["refused, because", "nobody may hand in mail here: maildrop.access"]),
    ],
)
def test_mail_of_programs_here_goes_by_the_rules_of_the_maildrop(
    config: Path, mailrail: Program, maildrop: str, words: list[str]
) -> None:
    config.write_text(f"{config.read_text()}\n[maildrop]\n{maildrop}\n")
    said = mailrail("explain", "bob@example.org", "--local")
    assert [word for word in words if word not in said.out] == []


def test_json_is_for_programs(mailrail: Program) -> None:
    found = json.loads(mailrail("explain", "x@elsewhere.example", "--user", "ann", "--json").out)
    assert found["is_taken"] is True
    (way,) = found["goes_to"]
    assert way["destination"] == "host:[2001:db8::1]:2525"
    assert [one["endpoint"] for one in way["tries"]] == ["[2001:db8::1]:2525"]


def test_return_addresses_are_told_with_whose_they_are(config: Path, mailrail: Program) -> None:
    config.write_text(
        config.read_text().replace(
            'relay_to = "10.0.0.5:25"', 'relay_to = "10.0.0.5:25"\nalias = { bob = "bob@elsewhere.example" }'
        )
        + "[batv]\nsign = true\nrefuse_unsigned = true\n"
    )
    said = mailrail("explain", "bob@example.org", "--from", "sue@far.example")
    path = said.out.partition("bob@elsewhere.example (from ")[2].partition(")")[0]
    assert path.endswith("=far.example=sue@example.org")
    assert path.startswith("SRS0=")
    said = mailrail("explain", path)
    assert "refused, because:" in said.out, "the key was made up, for there is no server yet"
    assert "it is refused with 550 5.1.1 This return address was not made here" in said.out
    spool = config.parent / "spool"
    spool.mkdir()
    clock, rng = SystemClock(), system_rng()
    signed = SignedPaths(
        SrsSettings(),
        BatvSettings(),
        ("example.org",),
        keep_keys(spool / SIGNING_KEYS, rng, clock.now_us()),
        clock,
    )
    said = mailrail("explain", str(signed.forwarded(parse_address("sue@far.example"))))
    assert "taken, because:" in said.out
    assert "notices to it go to sue@far.example, whose mail we forwarded" in said.out
    said = mailrail("explain", str(signed.tagged(parse_address("bob@example.org"))))
    assert "it is a return address of ours, signed for bob@example.org" in said.out
    assert "it is refused with 550 5.7.1" in mailrail("explain", "bob@example.org", "--from", "<>").out
    assert "taken, because:" in mailrail("explain", "bob@example.org").out
    said = mailrail("explain", "x@far.example", "--from", "bob@example.org", "--ip", "192.0.2.1")
    assert "(from prvs=" in said.out
    (spool / SIGNING_KEYS).write_text("")
    assert "there is no key in it" in mailrail("explain", "bob@example.org").out
    assert mailrail("srs", "reverse", path).code == Exit.NO_PERMISSION


def test_what_is_no_address_is_a_usage_error(mailrail: Program) -> None:
    said = mailrail("explain", "nobody")
    assert said.code == Exit.USAGE
    assert "has no @" in said.err


def test_what_is_no_ip_address_is_a_usage_error_and_no_stranger(mailrail: Program) -> None:
    said = mailrail("explain", "bob@example.org", "--ip", "10.0.0")
    assert said.code == Exit.USAGE
    assert "--ip 10.0.0: write an IP address" in said.err


STORED = "{PLAIN}correct horse battery"


def with_users(config: Path) -> None:
    users = config.with_name("users.toml")
    write = "".join(
        write_user("", user)
        for user in (
            User("ann@example.org", STORED, may_send_as=("@sales.example",), quotas={"messages_per_day": 50}),
            User("eve", STORED, is_disabled=True),
        )
    )
    users.write_text(write)
    users.chmod(0o600)
    more = (
        f'users.file = "{users}"\nquota.user.messages_per_hour = 20\nquota.domain.recipients_per_day = 900\n'
    )
    config.write_text(more + config.read_text())


def test_a_user_is_told_as_whom_and_how_much_it_may_send(mailrail: Program, config: Path) -> None:
    with_users(config)
    said = mailrail(
        "explain", "x@elsewhere.example", "--user", "Ann@example.org", "--from", "bob@sales.example"
    )
    assert "  taken, because:" in said.out
    assert "mail from bob@sales.example is taken" in said.out
    assert "ann@example.org may send as ann@example.org, anybody at sales.example" in said.out
    assert "ann@example.org may send 20 messages an hour" in said.out
    assert "ann@example.org may send 50 messages a day" in said.out
    assert "All of example.org may send 900 recipients a day" in said.out


def test_a37_a_user_who_sends_as_somebody_else_is_told_the_refusal(mailrail: Program, config: Path) -> None:
    with_users(config)
    said = mailrail(
        "explain", "x@elsewhere.example", "--user", "ann@example.org", "--from", "eve@example.org"
    )
    assert "  refused, because:" in said.out
    assert "mail from eve@example.org is refused with 553 5.7.1 ann@example.org may not send as" in said.out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("eve", "no user eve who may log in is in the user file"),
        ("nobody", "no user nobody who may log in is"),
    ],
)
def test_who_cannot_log_in_sends_nothing(mailrail: Program, config: Path, name: str, words: str) -> None:
    with_users(config)
    found = json.loads(mailrail("explain", "x@elsewhere.example", "--user", name, "--json").out)
    assert found["is_taken"] is False
    assert words in found["submission"][0]


@pytest.mark.parametrize(
    ("right", "client", "most"),
    [
        ("relay", ["--user", "ann"], 9),
        ("relay", ["--ip", "192.0.2.9"], 9),
        ("relay", [], 0),
        ("lower", ["--user", "ann"], 0),
    ],
)
def test_who_may_go_first_is_told(
    mailrail: Program, config: Path, right: str, client: list[str], most: int
) -> None:
    config.write_text(config.read_text().replace("[[listener]]", f'[[listener]]\nmt_priority = "{right}"'))
    said = mailrail("explain", "bob@example.org", *client)
    assert f"at 127.0.0.1:9 it may have a priority from -9 to {most} (MT-PRIORITY)" in said.out


@pytest.mark.parametrize(
    ("role", "client", "is_told"),
    [
        ("submission", ["--ip", "192.0.2.9"], True),
        ("submission", ["--user", "ann"], True),
        ("submission", [], False),
        ("submission", ["--local"], False),
        ("mx", [], True),
    ],
)
def test_what_may_be_asked_for_a_message_is_told_to_whom_it_is_offered(
    mailrail: Program, config: Path, role: str, client: list[str], is_told: bool
) -> None:
    wishes = ['role = "' + role + '"', "requiretls = true", 'deliver_by_s = "2m"']
    wishes += ['future_release_s = "1h"'] if role == "submission" else []
    config.write_text(config.read_text().replace("[[listener]]", "\n".join(["[[listener]]", *wishes])))
    said = mailrail("explain", "bob@example.org", *client)
    assert said.code == 0
    for words in ("verified TLS at every hop, or to come back (REQUIRETLS)", "120 s at least (DELIVERBY)"):
        assert (words in said.out) is is_told
    is_kept = is_told and role == "submission"
    assert ("at 127.0.0.1:9 it may be kept back for 3600 s at most (FUTURERELEASE)" in said.out) is is_kept


def test_checks_that_are_off_are_told(mailrail: Program, config: Path) -> None:
    config.write_text("submission = {check_sender = false, check_from = false}\n" + config.read_text())
    said = mailrail("explain", "x@elsewhere.example", "--user", "ann", "--from", "eve@example.org")
    assert "  taken, because:" in said.out
    assert "told by the settings and the name alone" in said.out
    assert "ann may send as anybody at example.org" in said.out
    assert "submission.check_sender = false" in said.out
    assert "submission.check_from = false" in said.out
    assert "no quota limits ann" in said.out


ALIASES = """
[table.people]
kind = "inline"
entries = { ann = "" }
[table.gone]
kind = "function"
function = "tests.unit.cli.test_explain:nobody_answers"
[domain."local.example"]
deliver = "maildir"
mailboxes = ["people"]
alias = { info = ["ann", "bob@partner.example", "bob@elsewhere.example"], round = "round2", round2 = "round", owner-info = "ann" }
[domain."slow.example"]
aliases = ["gone"]
[canonical]
masquerade = ["local.example"]
"""


def nobody_answers(key: str) -> str:
    raise OSError("no connection to the directory")


def test_an_address_is_told_whom_it_stands_for_and_where_each_goes(mailrail: Program, config: Path) -> None:
    config.write_text(config.read_text() + ALIASES)
    said = mailrail("explain", "Info@local.example", "--from", "eve@pc7.local.example")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    at = lines.index("  the address:")
    assert lines[at + 1 : at + 5] == [
        '    Info@local.example: alias of domain."local.example" -> ann, bob@partner.example, bob@elsewhere.example',
        "      ann@local.example: ann in table people",
        "      bob@partner.example: forwarded: not a domain of ours",
        "      bob@elsewhere.example: forwarded: not a domain of ours",
    ]
    assert "  mail for ann@local.example (from owner-info@local.example) would go out:" in lines
    both = [f"bob@{domain}.example (from owner-info@local.example)" for domain in ("partner", "elsewhere")]
    assert f"  mail for {', '.join(both)} would go out:" in lines
    assert "    eve@pc7.local.example is written as eve@local.example" in lines
    found = json.loads(mailrail("explain", "info@local.example", "--json").out)
    assert [(step["depth"], step["address"]) for step in found["steps"]][:2] == [
        (0, "info@local.example"),
        (1, "ann@local.example"),
    ]
    assert [way["destination"] for way in found["goes_to"]] == ["agent:maildir", "host:[2001:db8::1]:2525"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nobody@local.example", "550 5.1.1 No such user here: nobody@local.example is neither"),
        ("round@local.example", "loop: round@local.example -> round2@local.example -> round@local.example"),
        ("x@slow.example", "451 4.3.0 The address cannot be looked up now, try again later: "),
    ],
)
def test_an_address_that_is_refused_says_why(
    mailrail: Program, config: Path, address: str, words: str
) -> None:
    config.write_text(config.read_text() + ALIASES)
    said = mailrail("explain", address)
    assert "refused, because:" in said.out
    assert "its address is refused with " in said.out
    assert words in said.out
    assert "would go out" not in said.out
