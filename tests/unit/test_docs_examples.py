"""Every example in the manual is one that works: settings load, commands parse, Python runs."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mailrail.cli.entry import root
from mailrail.config import BadSettingsError, load, load_as
from mailrail.sim.scenario import ScenarioSettings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)

COMMAND = re.compile(r"^(?:\$ )?(?:\S*/)?mailrail (.*?)(?: +[|>#].*| 2>.*)?$", re.MULTILINE)


def blocks(*languages: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, found in enumerate(BLOCK.finditer(page.read_text("utf-8")), 1):
            if found[1] in languages:
                yield f"{page.relative_to(ROOT)}-{number}", found[2]


def cases(*languages: str) -> list[object]:
    return [pytest.param(text, id=name) for name, text in blocks(*languages)]


@pytest.mark.parametrize("text", cases("toml"))
def test_settings_in_the_manual_load(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mailrail.toml"
    if "[node." in text:
        file.write_text(text)
        load_as(file, ScenarioSettings)
        return
    file.write_text(text if "hostname =" in text else f'hostname = "a.example"\n{text}')
    try:
        load(file)
    except BadSettingsError as error:
        # The files with certificates and passwords are the reader's, and so are functions.
        theirs = ("No such file", "No module named")
        wrong = [str(one) for one in error.problems if not any(words in str(one) for words in theirs)]
        assert wrong == []


def commands() -> Iterator[object]:
    for name, text in blocks("sh", "console"):
        for found in COMMAND.finditer(text):
            yield pytest.param(shlex.split(found[1]), id=f"{name}: {found[1]}")


@pytest.mark.parametrize("arguments", list(commands()))
def test_commands_in_the_manual_are_commands(arguments: list[str]) -> None:
    command: click.Command = root
    # With the program's own words for help: click keeps, for the whole process, those it is first asked with.
    context = click.Context(command, info_name="mailrail", **root.context_settings)
    while isinstance(command, click.Group) and arguments:
        inner = command.get_command(context, arguments[0])
        if inner is None:
            assert arguments[0].startswith("-"), f"no such command: {arguments}"
            return
        command, arguments = inner, arguments[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    assert not isinstance(command, click.Group)
    # The parser alone: it refuses options that there are not, and runs nothing.
    command.make_parser(context).parse_args(list(arguments))


@pytest.mark.parametrize("text", cases("python"))
def test_python_in_the_manual_uses_what_there_is(text: str) -> None:
    # Run without its last line, which would talk to the network.
    exec(compile(text.replace("\nasyncio.run(main())", ""), "example", "exec"), {"__name__": "example"})
