"""A right-hand side of aliases(5) is cut where its writer meant it to be cut."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.tables import TargetError, read_targets


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("", ()),
        (" , ,", ()),
        ("ann", ("ann",)),
        ("ann, bob@example.org,carl", ("ann", "bob@example.org", "carl")),
        ('"bob smith"@example.org, "a,b"@example.org', ('"bob smith"@example.org', '"a,b"@example.org')),
        ('"|/usr/bin/filter -a x, y", ann', ("|/usr/bin/filter -a x, y", "ann")),
        ('|"/usr/bin/filter -a x, y"', ("|/usr/bin/filter -a x, y",)),
        (r'"|say \"it\" \\ twice"', (r'|say "it" \ twice',)),
        ("|/usr/bin/filter (a) <b", ("|/usr/bin/filter (a) <b",)),
        ('"/var/mail/a, b/"', ("/var/mail/a, b/",)),
        ("/var/mail/archive, :include:/etc/lists/staff", ("/var/mail/archive", ":include:/etc/lists/staff")),
        ('":include:/etc/my lists/staff"', (":include:/etc/my lists/staff",)),
        (r"\ann, ann@elsewhere.example", (r"\ann", "ann@elsewhere.example")),
        ("ann (the boss, really), bob", ("ann", "bob")),
        ("Ann <ann@example.org>, <a,b@example.org>", ("Ann <ann@example.org>", "<a,b@example.org>")),
        ("jürgen@bücher.example", ("jürgen@bücher.example",)),
    ],
)
def test_targets_are_cut_at_the_commas_that_part_them(text: str, targets: tuple[str, ...]) -> None:
    assert read_targets(text) == targets


@pytest.mark.parametrize("text", ['"ann', "ann, (bob", "<ann@example.org", "a\\"])
def test_what_does_not_end_is_told(text: str) -> None:
    with pytest.raises(TargetError, match="has no end"):
        read_targets(text)


_PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='",()<\\'), min_size=1)


@given(st.lists(_PLAIN.filter(lambda text: text == text.strip() and not text.startswith("|"))))
def test_plain_targets_read_back(targets: list[str]) -> None:
    assert read_targets(", ".join(targets)) == tuple(targets)


@given(st.text())
def test_any_text_is_a_list_or_is_told(text: str) -> None:
    with contextlib.suppress(TargetError):
        assert all(
            target == target.strip() != "" for target in read_targets(text) if not target.startswith("|")
        )
