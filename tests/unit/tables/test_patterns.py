"""Regular expressions: the first that fits counts, and a stranger's key makes nothing of what was none."""

import asyncio

import pytest

from mailrail.model import SettingsError
from mailrail.tables import Pool, TableError
from mailrail.tables.patterns import PatternTable, make_rule, read_rules

RULES = r"""
# as in pcre_table(5)
/^(.+)-request@(.+)$/   $1-owner@${2}
!/@example\.org$/       elsewhere
|^sales/eu@|i           ann, bob
/^named-(?<who>\w+)@/   $(who)@example.net
/^price@/               $$5@example.org
/^drop@/
/^relay-(.*)@/          $1
"""


def asked(table: PatternTable, key: str) -> tuple[str, ...] | None:
    async def ask() -> tuple[str, ...] | None:
        try:
            return await table.look_up(key)
        finally:
            await table.close()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("staff-request@example.org", ("staff-owner@example.org",)),
        ("ann@example.net", ("elsewhere",)),
        ("sales/eu@example.org", ("ann", "bob")),
        ("named-carl@example.org", ("carl@example.net",)),
        ("price@example.org", ("$5@example.org",)),
        ("drop@example.org", ()),
        ("nobody@example.org", None),
        ("relay-ann,bob@example.org", ("ann,bob",)),  # one value still
        # A program, a file and a list that only the key names are none (A25).
        ("relay-|/bin/sh@example.org", None),
        ("relay-/etc/passwd@example.org", None),
        ("relay-:include:/etc/passwd@example.org", None),
        ("relay-@example.org", None),
    ],
)
def test_the_first_expression_that_fits_says_the_values_a25(key: str, values: tuple[str, ...] | None) -> None:
    assert asked(PatternTable(read_rules(RULES), None, Pool(1, 10), 1), key) == values


def test_an_expression_that_takes_for_ever_is_not_known_now_a74() -> None:
    """A74: ReDoS. The time limit ends it; without one this would outlive the test by ages."""
    rule = make_rule(r"^(a|aa)+$", ["ann"])
    with pytest.raises(TableError, match="takes too long"):
        asked(PatternTable((rule,), None, Pool(1, 10), 0.01), "a" * 80 + "!")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("/(/ ann", "line 1: .* is no regular expression"),
        ("ann bob", "line 1: is no pattern with values"),
        ("/a/q ann", "there is no flag q"),
        ("\nif /a/\n/b/ c\nendif", "line 2: if and endif are not known here.*line 4"),
        ("/a/ $1", "asks for group 1"),
        ("!/(a)/ $1", "asks for group 1"),
        ("/(?<x>a)/ ${y}", "asks for group y"),
        ('/(.*)/ "|/bin/filter $1"', "would let strangers say part of a program"),
        ("/(.*)/ /var/mail/$1", "would let strangers say part of a program"),
        ('/a/ "b', "has no end"),
    ],
)
def test_each_bad_rule_is_told_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        read_rules(text)
