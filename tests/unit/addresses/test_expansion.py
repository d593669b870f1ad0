"""Whom mail goes to, by golden files that say what is set and what comes of it."""

from typing import Any

import pytest
from tests.unit.addresses.golden import CORPUS, Site, load, recipient_of, text_of

from mailrail.addresses.api import Expansion, Refusal

NAMES = sorted(path.stem for path in CORPUS.glob("*.toml"))
CASES = [pytest.param(name, case, id=f"{name}: {case['about']}") for name in NAMES for case in load(name)[1]]


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Site:
    return load(request.param)[0]


@pytest.mark.parametrize(("site", "case"), CASES, indirect=["site"])
def test_golden(site: Site, case: dict[str, Any]) -> None:
    """A32, A64."""
    resolved = site.resolve(recipient_of(case), has_sender=case.get("sender") != "<>")
    if "refused" in case:
        assert isinstance(resolved, Refusal)
        assert str(resolved.reply).startswith(case["refused"] + " ")
        assert case.get("reason") in (None, resolved.reason)
        return
    assert isinstance(resolved, Expansion), resolved
    assert [text_of(one) for one in resolved.recipients] == case["becomes"]
    if "steps" in case:
        assert [
            f"{'  ' * step.depth}{step.address} | {step.rule} | {', '.join(step.targets)}".rstrip()
            for step in resolved.steps
        ] == [line.rstrip() for line in case["steps"]]
