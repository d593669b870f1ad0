"""What the house asks of every file, as far as a machine can look."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

HOUSE: Final = Path(__file__).parents[2] / "src" / "mailrail"
SOURCES: Final = sorted(HOUSE.rglob("*.py"))
MOST_LINES: Final = 450
OUTSIDE: Final = ("mailrail/__init__.py", "mailrail/__main__.py")  # in no room


def head_of(path: Path) -> tuple[str, int]:
    """Return the docstring of a file, and how many lines the file has."""
    text = path.read_text("utf-8")
    return " ".join((ast.get_docstring(ast.parse(text)) or "").split()), text.count("\n")


def test_there_are_files_to_look_at() -> None:
    assert len(SOURCES) > 300


def shown(path: Path) -> str:
    return "/".join(path.parts[-2:])


@pytest.mark.parametrize("path", [one for one in SOURCES if shown(one) not in OUTSIDE], ids=shown)
def test_a_file_says_first_where_it_stands_and_what_it_is(path: Path) -> None:
    room = path.relative_to(HOUSE).parts[0]
    assert re.match(rf"Floor \d · {room}(?: — \S|: |\.|$)", head_of(path)[0]), head_of(path)[0][:60]


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_a_file_is_short_or_says_why_not(path: Path) -> None:
    head, lines = head_of(path)
    is_long = "Over the house's 450 lines on purpose: " in head
    assert is_long == (lines > MOST_LINES), f"{lines} lines: split it, or say why not in its head"
