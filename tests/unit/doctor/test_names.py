"""Resolver, host name and reverse names, each with what can be wrong with it."""

from pathlib import Path

import pytest
from tests.unit.doctor.ward import HOST, OURS, OURS6, SETTINGS, found, only

from mailrail.doctor import Level

PTR = "4.4.8.8.in-addr.arpa"
SMARTHOST = {**SETTINGS, "route": [{"match": "*", "next_hop": "smtp.example.net:587"}]}


@pytest.mark.parametrize("check", ["resolver", "host"])
def test_what_is_right_is_good(check: str, tmp_path: Path) -> None:
    only(found(check, tmp_path), Level.OK)


def test_a_silent_resolver_is_an_error(tmp_path: Path) -> None:
    assert only(found("resolver", tmp_path, is_down=True), Level.ERROR).what == "no resolver answers"


def test_a_resolver_that_only_fails_is_an_error(tmp_path: Path) -> None:
    finding = only(found("resolver", tmp_path, broken={"a.root-servers.net"}), Level.ERROR)
    assert "SERVFAIL" in finding.why


def test_a_resolver_of_private_names_is_told(tmp_path: Path) -> None:
    only(found("resolver", tmp_path, records={"a.root-servers.net": []}), Level.WARNING)


def test_a_host_name_that_leads_nowhere_is_an_error_that_names_the_address(tmp_path: Path) -> None:
    finding = only(found("host", tmp_path, records={HOST: []}), Level.ERROR)
    assert f"to {OURS}, {OURS6}" in finding.mend


def test_a_host_name_that_is_an_alias_is_an_error(tmp_path: Path) -> None:
    records = {HOST: ["CNAME other.example.org."], "other.example.org": [f"A {OURS}"]}
    finding = only(found("host", tmp_path, records=records), Level.ERROR)
    assert "set hostname to other.example.org" in finding.mend


@pytest.mark.parametrize(
    ("address", "words"), [("9.9.9.9", "behind a router"), ("10.1.1.1", "private address")]
)
def test_a_host_name_that_leads_elsewhere_is_a_warning(tmp_path: Path, address: str, words: str) -> None:
    assert words in only(found("host", tmp_path, records={HOST: [f"A {address}"]}), Level.WARNING).why


def test_each_public_address_has_a_name_that_leads_back(tmp_path: Path) -> None:
    assert [finding.level for finding in found("reverse", tmp_path)] == [Level.OK, Level.OK]


@pytest.mark.parametrize(
    ("records", "level", "words"),
    [
        ({PTR: []}, Level.ERROR, "has no reverse name"),
        ({PTR: ["PTR stranger.example."]}, Level.ERROR, "does not lead back"),
        ({PTR: ["PTR b.example."], "b.example": [f"A {OURS}"]}, Level.NOTE, "is named b.example"),
    ],
)
def test_a_reverse_name_that_is_not_right_is_told(
    tmp_path: Path, records: dict[str, list[str]], level: Level, words: str
) -> None:
    finding = only(found("reverse", tmp_path, records=records, own=[OURS])[:1], level)
    assert words in finding.what


def test_behind_a_smarthost_the_reverse_name_matters_little(tmp_path: Path) -> None:
    finding = only(found("reverse", tmp_path, records={PTR: []}, settings=SMARTHOST)[:1], Level.NOTE)
    assert "smarthost" in finding.why


def test_without_a_public_address_there_is_nothing_to_ask(tmp_path: Path) -> None:
    finding = only(found("reverse", tmp_path, records={HOST: ["A 10.0.0.1"]}, own=["10.0.0.1"]), Level.NOTE)
    assert "public address" in finding.what
