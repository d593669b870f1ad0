"""Bad settings files and what is said about them: tests/corpus/config/NAME.toml and NAME.expected.

To add a case, write both files; the words in them are what an operator reads.
"""

from pathlib import Path

import pytest

from mailrail.config import BadSettingsError, load

CORPUS = Path(__file__).parents[2] / "corpus" / "config"
NAMES = sorted(file.stem for file in CORPUS.glob("*.toml"))


def complaints(name: str, directory: Path) -> str:
    # A copy that nobody else can read, whatever the checkout's modes: some of the files hold passwords.
    file = directory / f"{name}.toml"
    file.touch(0o600)
    file.write_bytes((CORPUS / file.name).read_bytes())
    with pytest.raises(BadSettingsError) as caught:
        load(file)
    return str(caught.value).replace(f"{directory}/", "") + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_each_bad_file_gets_every_complaint_with_line_and_mend_a77(name: str, tmp_path: Path) -> None:
    """A77: a bad config is refused, and the operator reads why."""
    expected = (CORPUS / f"{name}.expected").read_text("utf-8")
    assert complaints(name, tmp_path) == expected


@pytest.mark.parametrize("name", NAMES)
def test_no_complaint_repeats_a_secret_a78(name: str, tmp_path: Path) -> None:
    """A78: secrets never."""
    said = complaints(name, tmp_path)
    assert "hunter2" not in said
    assert "12345678" not in said
