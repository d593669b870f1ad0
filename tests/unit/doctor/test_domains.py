"""MX, SPF and DMARC of our domains."""

from pathlib import Path

import pytest
from tests.unit.doctor.ward import HOST, OURS, SETTINGS, found, only

from mailrail.doctor import Level

SMARTHOST = {**SETTINGS, "route": [{"match": "*", "next_hop": "smtp.example.net:587"}]}
DOMAIN = "example.org"


@pytest.mark.parametrize("check", ["mx", "dmarc"])
def test_what_is_right_is_good(check: str, tmp_path: Path) -> None:
    only(found(check, tmp_path), Level.OK)


@pytest.mark.parametrize("check", ["mx", "dmarc"])
def test_without_domains_there_is_nothing_to_ask(check: str, tmp_path: Path) -> None:
    only(found(check, tmp_path, settings={"hostname": HOST}), Level.NOTE)


@pytest.mark.parametrize(
    ("records", "level", "words"),
    [
        ({DOMAIN: ["MX 0 ."]}, Level.ERROR, "takes no mail (null MX)"),
        ({DOMAIN: [f"MX 5 {HOST}.", "MX 10 192.0.2.1."]}, Level.ERROR, "no host name"),
        ({DOMAIN: [f"MX 5 {HOST}.", "MX 10 gone.example."]}, Level.ERROR, "has no address"),
        ({DOMAIN: ["MX 5 a.example."], "a.example": ["A 9.9.9.9"]}, Level.WARNING, "does not come here"),
        (
            {DOMAIN: ["MX 5 a.example."], "a.example": [f"CNAME {HOST}."]},
            Level.WARNING,
            f"is an alias of {HOST}",
        ),
    ],
)
def test_an_mx_that_is_not_right_is_told(
    tmp_path: Path, records: dict[str, list[str]], level: Level, words: str
) -> None:
    assert words in only(found("mx", tmp_path, records=records), level).what


def test_a_domain_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    settings = {"hostname": HOST, "domain": {"nowhere.example": {}}}
    finding = only(found("mx", tmp_path, settings=settings), Level.ERROR)
    assert "set: nowhere.example. MX 10 mx1.example.org." in finding.mend


def test_without_an_mx_the_address_of_the_domain_counts(tmp_path: Path) -> None:
    only(found("mx", tmp_path, records={DOMAIN: [f"A {OURS}"]}), Level.OK)


def test_spf_is_asked_for_the_host_and_for_each_domain(tmp_path: Path) -> None:
    assert [finding.level for finding in found("spf", tmp_path)] == [Level.OK, Level.OK]


@pytest.mark.parametrize(
    ("texts", "level", "words"),
    [
        ([], Level.WARNING, "has no SPF record"),
        (['TXT "v=spf10 -all"'], Level.WARNING, "has no SPF record"),
        (['TXT "v=spf1 mx -all"', 'TXT "V=SPF1 a -all"'], Level.ERROR, "has 2 SPF records"),
        (['TXT "v=spf1 +all"'], Level.WARNING, "lets everybody send"),
        (['TXT "v=spf1 mx all"'], Level.WARNING, "lets everybody send"),
        (['TXT "v=spf1"'], Level.OK, "has an SPF record"),
    ],
)
def test_an_spf_record_that_is_not_right_is_told(
    tmp_path: Path, texts: list[str], level: Level, words: str
) -> None:
    assert words in only(found("spf", tmp_path, records={DOMAIN: texts})[1:], level).what


def test_a_host_without_spf_is_a_note_with_the_record(tmp_path: Path) -> None:
    finding = only(found("spf", tmp_path, records={HOST: [f"A {OURS}"]})[:1], Level.NOTE)
    assert '"v=spf1 a -all"' in finding.mend


def test_behind_a_smarthost_its_record_must_be_included(tmp_path: Path) -> None:
    finding = only(found("spf", tmp_path, records={DOMAIN: []}, settings=SMARTHOST)[1:], Level.WARNING)
    assert "include:SMARTHOST" in finding.mend


@pytest.mark.parametrize(
    ("texts", "level"),
    [([], Level.WARNING), (['TXT "v=DMARC1; p=none"', 'TXT "v=DMARC1; p=reject"'], Level.ERROR)],
)
def test_a_dmarc_record_that_is_not_right_is_told(tmp_path: Path, texts: list[str], level: Level) -> None:
    only(found("dmarc", tmp_path, records={f"_dmarc.{DOMAIN}": texts}), level)


def test_the_dmarc_record_of_the_domain_above_counts_too(tmp_path: Path) -> None:
    settings = {"hostname": HOST, "domain": {"sub.example.org": {}}}
    assert "that of example.org" in only(found("dmarc", tmp_path, settings=settings), Level.OK).what
