"""Files that people edit are read as Postfix and Sendmail read them, and each mistake is told with its line."""

import pytest

from mailrail.model import SettingsError
from mailrail.tables.textforms import Entries, logical_lines, read_aliases, read_pairs

# As Debian's base-passwd and exim4-config leave it, and the manual's own examples.
CLASSIC = """\
# /etc/aliases
mailer-daemon: postmaster
Postmaster: root
  # a comment in the middle of a list
root:   ann,
\tbob@example.org
\u0020
list: :include:/etc/lists/staff
owner-list: ann
"bob smith": bob
"a:b"@Example.org : carl
program: "|/usr/bin/filter -a x, y"
archive: /var/mail/archive, ann
"""


def test_a_classic_file_of_aliases_is_read_as_it_is() -> None:
    assert read_aliases(CLASSIC) == {
        "mailer-daemon": ("postmaster",),
        "postmaster": ("root",),
        "root": ("ann", "bob@example.org"),
        "list": (":include:/etc/lists/staff",),
        "owner-list": ("ann",),
        "bob smith": ("bob",),
        "a:b@example.org": ("carl",),
        "program": ("|/usr/bin/filter -a x, y",),
        "archive": ("/var/mail/archive", "ann"),
    }


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", {}),
        ("ann\nbob\n", {"ann": (), "bob": ()}),
        (
            "info@example.org\tann, bob@example.net\n@example.org  carl",
            {"info@example.org": ("ann", "bob@example.net"), "@example.org": ("carl",)},
        ),
        ("info ann,\n  bob\n", {"info": ("ann", "bob")}),
        ('"bob smith"@Example.org bob', {"bob smith@example.org": ("bob",)}),
        ("example.org anything # not a comment", {"example.org": ("anything # not a comment",)}),
        ("a b\r\nc d\r\n", {"a": ("b",), "c": ("d",)}),
    ],
)
def test_lines_of_key_and_values_are_read_as_by_postmap(text: str, entries: Entries) -> None:
    assert read_pairs(text) == entries


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("info ann", "line 1: is no alias"),
        ("# well\n\n: ann", "line 3: is no alias"),
        ("info:", "line 1: info leads nowhere"),
        ('a: b\ninfo: "ann', 'line 2: " at character 2 has no end'),
        ("info: ann\nINFO: bob", "line 2: info is there already, in line 1"),
        ("x\n" * 12, "line 9: is no alias: write it like info: ann, bob@example.org.*and 2 more$"),
    ],
)
def test_each_bad_line_of_aliases_is_told(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        read_aliases(text)


def test_a_line_that_begins_with_a_space_goes_on_with_the_one_before() -> None:
    assert list(logical_lines("  a\n b\n\n# c\n d\ne")) == [(1, "  a b d"), (6, "e")]
