"""The operator's query keeps its meaning, and a stranger's key never becomes part of it."""

from collections.abc import Sequence

import pytest

from mailrail.model import SettingsError
from mailrail.tables import TableError
from mailrail.tables.queries import MOST_ROWS, to_psycopg, values_of_rows


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ("SELECT a FROM b WHERE c = :key", "SELECT a FROM b WHERE c = %(key)s"),
        ("SELECT :key::text || ':key' AS \":key\"", "SELECT %(key)s::text || ':key' AS \":key\""),
        ("SELECT 1 -- :key\n WHERE :key = 'it''s :key'", "SELECT 1 -- :key\n WHERE %(key)s = 'it''s :key'"),
        (r"SELECT E'\':key' /* :key */ WHERE :key", r"SELECT E'\':key' /* :key */ WHERE %(key)s"),
        ("SELECT $$:key$$, $a$:key $$ :key$a$, :key", "SELECT $$:key$$, $a$:key $$ :key$a$, %(key)s"),
        ("SELECT a LIKE '%x' AND 5 % 2 = 1", "SELECT a LIKE '%%x' AND 5 %% 2 = 1"),
    ],
)
def test_parameters_are_found_where_they_are_some(query: str, written: str) -> None:
    assert to_psycopg(query, ("key",)) == written


def test_a_parameter_that_nobody_gives_is_told() -> None:
    with pytest.raises(SettingsError, match="asks for :name; known is :key"):
        to_psycopg("SELECT a FROM b WHERE c = :name", ("key",))


@pytest.mark.parametrize(
    ("rows", "values"),
    [
        ([], None),
        ([(None,)], ()),
        ([("ann, bob@example.org", "ignored"), ("carl",)], ("ann", "bob@example.org", "carl")),
        ([(1,)], ("1",)),
        ([(["ann", None, "b, c"],)], ("ann", "b, c")),
        ([(b"ann",)], ("ann",)),
    ],
)
def test_rows_become_values(rows: Sequence[Sequence[object]], values: tuple[str, ...] | None) -> None:
    assert values_of_rows(rows) == values


def test_rows_that_cannot_be_used_are_not_known_now() -> None:
    with pytest.raises(TableError, match="cannot be read"):
        values_of_rows([('"ann',)])
    with pytest.raises(TableError, match="more than"):
        values_of_rows([("ann",)] * (MOST_ROWS + 1))
