"""The line scanner agrees with tomllib about which keys there are, and knows their lines."""

import tomllib
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.config.lines import KeyPath, locate


def paths(value: object, at: KeyPath = ()) -> set[KeyPath]:
    found: set[KeyPath] = {at} if at else set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= paths(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= paths(inner, (*at, index))
    return found


DOCUMENTS: dict[str, tuple[str, dict[KeyPath, int]]] = {
    "plain": ('a = 1\nb = "x"\n', {("a",): 1, ("b",): 2}),
    "table": ("# note\n\n[t]\n  a = 1 # why\n", {("t",): 3, ("t", "a"): 4}),
    "dotted": ("spool.path = '/x'\n", {("spool",): 1, ("spool", "path"): 1}),
    "dotted with space": (
        'a . "b c" . d = 1\n',
        {("a",): 1, ("a", "b c"): 1, ("a", "b c", "d"): 1},
    ),
    "array of tables": (
        "[[r]]\na=1\n[[r]]\na=2\n[r.s]\nb=3\n",
        {
            ("r",): 1,
            ("r", 0): 1,
            ("r", 0, "a"): 2,
            ("r", 1): 3,
            ("r", 1, "a"): 4,
            ("r", 1, "s"): 5,
            ("r", 1, "s", "b"): 6,
        },
    ),
    "nested arrays of tables": (
        "[[r]]\n[[r.s]]\n[[r.s]]\n[[r]]\n[[r.s]]\n",
        {
            ("r",): 1,
            ("r", 0): 1,
            ("r", 0, "s"): 2,
            ("r", 0, "s", 0): 2,
            ("r", 0, "s", 1): 3,
            ("r", 1): 4,
            ("r", 1, "s"): 5,
            ("r", 1, "s", 0): 5,
        },
    ),
    "quoted keys": (
        '[domain."example.org"]\n\'a.b\' = 1\n"\\u0061" = 2\n',
        {
            ("domain",): 1,
            ("domain", "example.org"): 1,
            ("domain", "example.org", "a.b"): 2,
            ("domain", "example.org", "a"): 3,
        },
    ),
    "array over lines": (
        'n = [ # start\n  "a", # ] first\n\n  "b]",\n]\nz = 1\n',
        {("n",): 1, ("n", 0): 2, ("n", 1): 4, ("z",): 6},
    ),
    "inline table": (
        "t = {a = 1, b.c = [1, {d = 2}]}\nz = 1\n",
        {
            ("t",): 1,
            ("t", "a"): 1,
            ("t", "b"): 1,
            ("t", "b", "c"): 1,
            ("t", "b", "c", 0): 1,
            ("t", "b", "c", 1): 1,
            ("t", "b", "c", 1, "d"): 1,
            ("z",): 2,
        },
    ),
    "multi-line strings": (
        'a = """x\n[no]\nb = 1 \\"" \n"""""\nc = \'\'\'\n"""\nd = 1\'\'\'\'\ne = 1\n',
        {("a",): 1, ("c",): 5, ("e",): 8},
    ),
    "scalars": ("a = 1979-05-27 07:32:00Z\nb=inf\nc=[1.5,-2,]\nd={}\ne=[]", {}),
    "carriage returns": ("a = 1\r\n\r\nb = 2\r\n", {("a",): 1, ("b",): 3}),
    "empty": ("", {}),
    "comment only": ("# nothing", {}),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_key_has_its_line(name: str) -> None:
    text, lines = DOCUMENTS[name]
    found = locate(text)
    assert set(found) == paths(tomllib.loads(text))
    for path, line in lines.items():
        assert found[path] == line, path


keys = st.one_of(
    st.text("ab-_1", min_size=1, max_size=3),
    st.text("a.#\"'[]={}", max_size=3).map(
        lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    ),
)
scalars = st.sampled_from(
    ["1", "-2.5", "true", '"a#b"', "'c]'", '"""x\n[y]\n"""', "'''\nz = {'''", "1979-05-27", '"\\""']
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",\n # ]\n".join(items) + "]"),
        st.lists(st.tuples(keys, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs) + "}"
        ),
    ),
    max_leaves=6,
)
dotted = st.lists(keys, min_size=1, max_size=3).map(" . ".join)
statements = st.one_of(
    st.tuples(dotted, values).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    dotted.map(lambda key: f"[{key}]"),
    dotted.map(lambda key: f"[[ {key} ]]"),
    st.just("# a = 1"),
    st.just(""),
)


@given(st.lists(statements, max_size=8).map("\n".join))
def test_whatever_tomllib_accepts_is_located_whole(text: str) -> None:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(locate(text)) == paths(tree)


def test_a_key_is_found_on_the_line_it_was_written_on() -> None:
    text = dedent(
        """
        hostname = "a.example"
        [queue]
        # first
        first_s = 5
        """
    )
    for path, line in locate(text).items():
        assert str(path[-1]) in text.split("\n")[line - 1]
