"""Where the maildrop is: read by ourselves where it is plain, and never otherwise than TOML means it."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.sendmail.whereabouts import plain_paths


def by_toml(text: str) -> dict[str, str] | None:
    try:
        tree = tomllib.loads(text)
    except ValueError:
        return None
    pairs = (("spool", "path"), ("maildrop", "directory"), ("admin", "socket"))
    found = {
        f"{table}.{key}": tree[table].get(key) for table, key in pairs if isinstance(tree.get(table), dict)
    }
    return {name: path for name, path in found.items() if isinstance(path, str)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ('hostname = "mx.example.org"\nworkers = 2\n', {}),
        ('spool.path = "/a"\n# spool.path = "/b"\n', {"spool.path": "/a"}),
        ('[spool]\npath = "/a b"\nmost_items = 5\n[maildrop]\naccess = "everyone"\n', {"spool.path": "/a b"}),
        ('[maildrop]\ndirectory="/d"\n[[listener]]\naddress = "unix:/spool"\n', {"maildrop.directory": "/d"}),
        ('[domain."spool.example"]\nrelay_to = "x"\n', None),
        ('[table.x]\npath = "/not/it"\n', {}),
        ('admin.socket = "/run/a.sock" # the socket\n', None),
        ("spool.path = '/a'\n", None),
        ('spool = { path = "/a" }\n', None),
        ('"spool".path = "/a"\n', None),
        ('[ spool ]\npath = "/a"\n', None),
        ('[spool]\n"path" = "/a"\n', None),
        ('[spool] # here\npath = "/a"\n', None),
        ('x = """\n[spool]\npath = "/a"\n"""\n', None),
        ('spool.path = "/\\u0061"\n', None),
    ],
)
def test_what_is_plain_is_read_and_the_rest_left_to_a_real_reader(
    text: str, expected: dict[str, str] | None
) -> None:
    assert plain_paths(text.encode()) == expected
    if expected is not None:
        assert by_toml(text) == expected


PIECES = st.sampled_from(
    ["[spool]", "[maildrop]", "[[listener]]", "[x]", '[domain."a"]', 'path = "/a"', 'directory = "/b"', 'socket = "/c"',
     'spool.path = "/d"', "spool.path = '/e'", 'maildrop.directory = "/f"', "spool = 1", "x = [", "]", '"[spool]",', '# spool.path = "/g"',
     'spool.path="/h"#', "", " ", 'spool . path = "/i"', "[admin", 'admin = { socket = "/j" }']
)  # fmt: skip


@given(st.lists(PIECES, max_size=7))
def test_whenever_it_is_sure_it_is_right(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    plain, meant = plain_paths(text.encode()), by_toml(text)
    assert plain is None or meant is None or plain == meant
