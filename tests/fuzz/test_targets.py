"""Every input that was ever found still holds, and the targets still run; fuzzing itself is `make fuzz`."""

from pathlib import Path
from random import Random

import pytest
from tests.fuzz.__main__ import main
from tests.fuzz.mutate import mutations
from tests.fuzz.seeds import HERE, kept
from tests.fuzz.targets import TARGETS

MUTATIONS = 300  # under a second each
FOUND = [(name, file) for name in TARGETS for file in kept(name)]


@pytest.mark.parametrize(("name", "file"), FOUND, ids=[f"{name}/{file.name}" for name, file in FOUND])
def test_what_was_found_holds(name: str, file: Path) -> None:
    TARGETS[name].check(file.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_random_changes_of_them_hold(name: str) -> None:
    target = TARGETS[name]
    seeds = [*target.seeds(), *(file.read_bytes() for file in kept(name))]
    for data in (*seeds, *mutations(seeds, MUTATIONS, Random(name))):
        try:
            target.check(data)
        except Exception as error:
            error.add_note(f"the input: {data!r}")
            raise


def test_every_folder_of_the_corpus_has_its_target() -> None:
    assert {folder.name for folder in (HERE / "corpus").iterdir()} <= set(TARGETS)
    modules = {file.stem.removeprefix("target_") for file in HERE.glob("target_*.py")}
    assert modules == set(TARGETS)


@pytest.mark.parametrize("asked", [["all"], ["server"], ["all", "one"], ["server", "no-such-file"]])
def test_a_command_that_tries_nothing_does_not_say_that_all_held(asked: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(asked)
    assert ended.value.code == 2


def test_an_input_is_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    (file, *_) = kept("sasl")
    assert main(["sasl", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: holds\n"
