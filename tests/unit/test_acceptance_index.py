"""Every row of the acceptance list (A1 to A80) has a test that names it, or a reason why not yet.

A row is named in the name or docstring of a test (`test_a17_...`, "A17") or in a dialogue of tests/corpus.
"""

import re
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[1]
NAMED: Final = re.compile(r"(?<![A-Za-z0-9])[Aa](\d{1,2})(?![A-Za-z0-9])")

_AUTHENTICITY: Final = "SPF, DKIM, DMARC and ARC are a later work"
NOT_YET: Final = {
    45: _AUTHENTICITY,
    46: _AUTHENTICITY,
    47: _AUTHENTICITY,
    48: _AUTHENTICITY,
    49: _AUTHENTICITY,
    50: _AUTHENTICITY,
    51: _AUTHENTICITY,
    54: "reports of others are not read yet",
    56: "DANE is a later work",
    57: "MTA-STS is a later work",
    79: "the daemon runs in one process; the sandbox is a later work",
}
# Tested as far as it is built: the rest of the row waits for what it is about.
PARTLY: Final = {
    55: "DANE and MTA-STS are a later work",
    74: "there are no milters yet",
}


def named_rows() -> dict[int, set[str]]:
    """Return the rows that tests name, with the files."""
    found: dict[int, set[str]] = {}
    for path in TESTS.rglob("*"):
        if path.suffix not in (".py", ".txt", ".toml") or "support" in path.parts or path == Path(__file__):
            continue
        for row in NAMED.findall(path.read_text("utf-8", "replace")):
            found.setdefault(int(row), set()).add(path.name)
    return found


ROWS: Final = named_rows()


@pytest.mark.parametrize("row", [row for row in range(1, 81) if row not in NOT_YET])
def test_a_row_in_scope_is_named_by_a_test(row: int) -> None:
    assert ROWS.get(row), f"no test names A{row}"


def test_what_waits_for_later_is_not_tested_already() -> None:
    assert NOT_YET.keys().isdisjoint(ROWS), "take it off NOT_YET"
    assert PARTLY.keys() <= ROWS.keys()
    assert max(ROWS) <= 80
