"""Whole configurations: what each becomes stands beside it, for people to read."""

import tomllib

import pytest
from tests.unit.migrate.golden import CORPUS, NAMES, golden

from mailrail.config import complaint


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_becomes_what_stands_beside_it(name: str) -> None:
    files = golden(name)
    for file, text in files.items():
        assert text == (CORPUS / name / file).read_text(), (
            f"{name}/{file}: python -m tests.unit.migrate.golden"
        )
    assert complaint(tomllib.loads(files["mailrail.toml"])) == ""


@pytest.mark.parametrize("name", NAMES)
def test_no_password_is_in_what_people_are_shown(name: str) -> None:
    assert not any("pass:word" in text for text in golden(name).values())
