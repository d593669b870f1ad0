"""The dialogues of tests/corpus/server, whole and one byte at a time."""

from pathlib import Path

import pytest
from tests.unit.smtp.server_harness import Dialogue, hold

CORPUS = Path(__file__).parents[2] / "corpus" / "server"
DIALOGUES = sorted(CORPUS.glob("*.txt"))


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_dialogue_is_held_as_written(path: Path) -> None:
    hold(Dialogue(path), byte_by_byte=False)


@pytest.mark.parametrize(
    "path", [path for path in DIALOGUES if not Dialogue(path).segments_matter], ids=lambda path: path.stem
)
def test_dialogue_is_the_same_one_byte_at_a_time(path: Path) -> None:
    hold(Dialogue(path), byte_by_byte=True)
