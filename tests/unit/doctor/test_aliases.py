"""Aliases: do they lead to somebody?"""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.doctor.ward import HOST, SETTINGS, found, only

from mailrail.doctor import Level

TABLE = {
    "people": {"kind": "inline", "entries": {"ann": ""}},
    "down": {"kind": "function", "function": "operator:index"},
}


def settings(**domain: Any) -> dict[str, Any]:
    return {**SETTINGS, "table": TABLE, "domain": {"home.example": {"mailboxes": ["people"], **domain}}}


def test_domains_that_take_every_name_are_not_asked_about(tmp_path: Path) -> None:
    only(found("aliases", tmp_path), Level.NOTE)


def test_aliases_that_lead_to_somebody_are_good(tmp_path: Path) -> None:
    site = settings(alias={"info": ["ann", "x@far.example"]})
    finding = only(found("aliases", tmp_path, settings=site), Level.OK)
    assert finding.what == "the aliases and postmasters lead to somebody (2 asked)"


@pytest.mark.parametrize(
    ("domain", "level", "words"),
    [
        ({"alias": {"info": "nix"}}, Level.ERROR, "mail for info@home.example is answered with 550 5.1.1"),
        ({"alias": {"info": ["ann", "nix"]}}, Level.WARNING, "leads to nix@home.example, who does not exist"),
        ({"aliases": ["down"]}, Level.NOTE, "mail for postmaster@home.example is answered with 451 4.3.0"),
    ],
)
def test_what_leads_nowhere_is_told(tmp_path: Path, domain: dict[str, Any], level: Level, words: str) -> None:
    finding = only(found("aliases", tmp_path, settings=settings(**domain)), level)
    assert words in finding.what
    assert "mailrail explain" in finding.mend


def test_a64_a_loop_is_found_before_anybody_writes(tmp_path: Path) -> None:
    findings = found("aliases", tmp_path, settings=settings(alias={"a": "b", "b": "a"}))
    assert {one.level for one in findings} == {Level.ERROR}
    assert findings[0].why == "loop: a@home.example -> b@home.example -> a@home.example"


@pytest.mark.parametrize(
    ("domain", "is_told"),
    [
        ({"deliver": "maildir"}, True),
        ({"deliver": "maildir", "mailboxes": ["people"]}, False),
        ({"deliver": "maildir", "catch_all": "ann"}, False),
        ({"deliver": "discard"}, False),
    ],
)
def test_mailboxes_that_anybody_can_make_by_writing_to_them_are_told(
    tmp_path: Path, domain: dict[str, Any], is_told: bool
) -> None:
    site = {**SETTINGS, "table": TABLE, "domain": {"home.example": domain}}
    notes = [one for one in found("aliases", tmp_path, settings=site) if one.level is Level.NOTE]
    assert ["every name of home.example has a mailbox" in one.what for one in notes] == [True] * is_told


OURS = {"root": "x@far.example", "postmaster": "x@far.example"}


@pytest.mark.parametrize(
    ("domain", "maildrop", "level", "words"),
    [
        ({}, {}, Level.WARNING, "nobody here reads mail for root@mx1.example.org"),
        ({HOST: {"alias": OURS}}, {}, Level.OK, "leads to somebody"),
        ({HOST: {"alias": {"postmaster": "x@far.example"}}}, {}, Level.ERROR, "answered with 550 5.1.1"),
        ({HOST: {"relay_to": "10.0.0.5:25"}}, {}, Level.OK, "goes where all mail for mx1.example.org does"),
        ({}, {"origin": "home.example"}, Level.WARNING, "nobody here reads mail for root@home.example"),
        ({"home.example": {"alias": OURS}}, {"origin": "home.example"}, Level.OK, "leads to somebody"),
        ({}, {"access": "nobody"}, Level.NOTE, "not checked"),
    ],
)
def test_mail_of_cron_that_nobody_reads_is_told(
    tmp_path: Path, domain: dict[str, Any], maildrop: dict[str, str], level: Level, words: str
) -> None:
    site = {**SETTINGS, "domain": domain, "maildrop": maildrop}
    assert words in only(found("root", tmp_path, settings=site), level).what


@pytest.mark.parametrize("check", ["mx", "spf", "dmarc", "hops"])
def test_the_name_of_the_host_as_a_domain_of_aliases_asks_for_no_records_and_no_next_hop(
    tmp_path: Path, check: str
) -> None:
    site = {**SETTINGS, "domain": {HOST: {"alias": OURS}}}
    only(found(check, tmp_path, settings=site), Level.NOTE if check == "hops" else Level.OK)
