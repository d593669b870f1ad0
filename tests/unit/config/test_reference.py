"""What is printed about the settings is true, because the program reads it back."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mailrail.config import MailrailSettings, load
from mailrail.config.problems import quote, spell
from mailrail.config.reference import anchor, json_schema, markdown_reference, show, toml_reference
from mailrail.config.schema import Kind, describe, walk


def written(directory: Path, text: str) -> Path:
    file = directory / "mailrail.toml"
    file.touch(0o600)
    file.write_text(text, "utf-8")
    return file


DEFAULTS = MailrailSettings(hostname="mx1.example.org")


def test_the_example_file_changes_nothing(tmp_path: Path) -> None:
    assert load(written(tmp_path, toml_reference())) == DEFAULTS


def test_every_default_in_the_example_file_is_the_default(tmp_path: Path) -> None:
    """Uncomment everything in the plain tables: the settings are still those of nobody's configuration."""
    tables = {f"#[{'.'.join(p)}]" for p, t in walk(describe(MailrailSettings)) if t.kind is Kind.TABLE}
    lines: list[str] = []
    is_plain = True
    for line in toml_reference().splitlines():
        if line.startswith("#["):
            is_plain = line in tables and not re.search(r"route|domain|certificate|listener", line)
        if is_plain and re.match(r"#[a-z_]+ = |#\[", line):
            line = line[1:]
        lines.append(line)
    assert load(written(tmp_path, "\n".join(lines))) == DEFAULTS


def test_what_is_shown_can_be_read_back(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        hostname = "a.example"
        spool.reserve_bytes = "50 MiB"
        [[listener]]
        address = "unix:/run/x"
        role = "lmtp"
        [relay]
        networks = ["10.0.0.0/8"]
        [[route]]
        match = "*"
        next_hop = "smtp.example.net:587"
        [domain."example.org"]
        relay_to = "10.0.0.5"
        [queue.destination."example.net"]
        rate = "10/min"
        [table.staff]
        kind = "inline"
        entries = {info = ["ann", "bob"], sales = "carl"}
        [table.upper]
        kind = "function"
        function = "operator:neg"
        found_s = "5m"
        """,
    )
    settings = load(file)
    assert load(written(tmp_path, show(settings))) == settings


def test_what_is_shown_hides_secrets_a78(tmp_path: Path) -> None:
    """A78: secrets never."""
    settings = load(
        written(
            tmp_path,
            'hostname = "a.example"\n[[route]]\nmatch = "*"\nnext_hop = "smtp.example.net"\n'
            'login = {user = "me", password = "hunter2"}\n',
        )
    )
    shown = show(settings)
    assert "hunter2" not in shown
    assert 'password = "********"' in shown


def test_every_setting_is_documented() -> None:
    for path, table in walk(describe(MailrailSettings)):
        assert table.doc, path
        for key in table.keys:
            assert key.doc.endswith("."), (path, key.name)


def test_every_number_has_a_unit_or_needs_none() -> None:
    for path, table in walk(describe(MailrailSettings)):
        for key in table.keys:
            if key.type_words in ("duration", "size"):
                assert key.unit, (path, key.name)


def test_the_manual_names_every_key_once() -> None:
    manual = markdown_reference()
    for path, table in walk(describe(MailrailSettings)):
        for key in table.keys:
            assert manual.count(f"({anchor(path, table, key)})=") == 1


def test_the_json_schema_knows_durations_as_text_and_requires_the_hostname() -> None:
    schema = json.loads(json_schema())
    assert schema["required"] == ["hostname"]
    assert schema["additionalProperties"] is False
    poll = schema["$defs"]["QueueSettings"]["properties"]["poll_s"]
    assert {"type": "string"} in poll["anyOf"]


@given(st.text(max_size=20))
def test_a_quoted_text_reads_back(text: str) -> None:
    assert tomllib.loads(f"k = {quote(text)}")["k"] == text


@given(st.lists(st.text(max_size=8), min_size=1, max_size=3))
def test_a_spelled_path_is_a_toml_key(names: list[str]) -> None:
    tree: Any = tomllib.loads(f"{spell(tuple(names))} = 1")
    for name in names:
        tree = tree[name]
    assert tree == 1
