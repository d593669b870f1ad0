"""The manual's reference pages say what the code says, and what its pages name is there."""

import re
import tomllib
from pathlib import Path

import pytest
from tools import docs

PAGES = sorted((docs.ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("name", docs.WRITERS)
def test_a_reference_page_is_what_the_code_prints(name: str) -> None:
    assert name not in docs.stale(), (
        f"docs/reference/{name}.md is out of date: run .venv/bin/python tools/docs.py"
    )


def test_every_rfc_that_the_code_cites_has_its_status_told() -> None:
    told = tomllib.loads((docs.ROOT / "docs" / "rfcs.toml").read_text("utf-8"))
    assert set(docs.citations()) <= set(told), "add them to docs/rfcs.toml"
    assert {entry["status"] for entry in told.values()} <= {"full", "partly", "planned", "reference"}


def test_every_event_says_what_it_means() -> None:
    for event in docs.event_types():
        assert event.__doc__, event
        assert event.__doc__ != event.__base__.__doc__ if event.__base__ else True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_and_every_input_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    for file in re.findall(r"`(tests/[a-z_/]+(?:\.\w+)?)`", text):
        assert (docs.ROOT / file).exists(), file
    for file, names in re.findall(r"`(tests/[\w/]+\.py)`: (`\w+`(?:, `\w+`)*)", text):
        for name in re.findall(r"\w+", names):
            assert name in (docs.ROOT / file).read_text("utf-8"), f"{name} in {file}"


def test_every_input_that_the_list_of_findings_names_is_kept() -> None:
    page = (docs.ROOT / "docs" / "explanation" / "robustness.md").read_text("utf-8")
    corpus = docs.ROOT / "tests" / "fuzz" / "corpus"
    named = set(re.findall(r"`([a-z]+/[a-z_]+)`", page))
    assert named == {f"{file.parent.name}/{file.name}" for file in corpus.glob("*/*")}
