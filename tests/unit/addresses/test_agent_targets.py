"""Aliases that name an agent: only where they may, and none of those that are our own words."""

import pytest

from mailrail.addresses.targets import BrokenTargetError, Power, ToAgent, parse_target
from mailrail.model import Address

HERE = Address("support", "example.org")


def test_an_agent_is_named_where_that_is_allowed() -> None:
    assert parse_target(":agent:tickets", HERE, {Power.AGENTS}) == ToAgent("tickets")
    with pytest.raises(BrokenTargetError, match=r'allow = \["agents"\]'):
        parse_target(":agent:tickets", HERE, {Power.FILES, Power.PROGRAMS, Power.INCLUDES})


@pytest.mark.parametrize("name", ["", "expanded", "list", "unknown", "a b", "../x", "|x", "x" * 65])
def test_what_is_no_name_of_an_agent_is_broken(name: str) -> None:
    with pytest.raises(BrokenTargetError):
        parse_target(f":agent:{name}", HERE, set(Power))
