"""The manual's reference pages say what the code says."""

import tomllib

import pytest
from tools import docs


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
