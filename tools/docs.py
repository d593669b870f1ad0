"""Write the reference pages of the manual from the code, so that the two cannot disagree.

    .venv/bin/python tools/docs.py          write docs/reference/*.md
    .venv/bin/python tools/docs.py --check  end with 1 and say which pages are out of date

Pages: settings (from the Settings classes), commands (from click), events (every Event), replies (the
register in model/reply.py), rfcs (docs/rfcs.toml and where the code cites each).
"""

import inspect
import pkgutil
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

import click

import mailrail
from mailrail.cli.entry import root as program
from mailrail.config import markdown_reference
from mailrail.model import register
from mailrail.observe import Event

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = ROOT / "docs" / "reference"
SOURCE: Final = ROOT / "src" / "mailrail"
COLUMNS: Final = 100
_CITED: Final = re.compile(r"RFC (\d{3,5})")
_ATTRIBUTE: Final = re.compile(r"([a-z_0-9]+(?:, [a-z_0-9]+)*): (.*)")


def commands_page() -> Iterator[str]:
    """Every command, as its own --help prints it."""
    yield "# Commands"
    yield ""
    yield "Every command explains itself with `--help`; this page is what they print."
    yield ""
    yield "Exit codes are those of sysexits.h: 0 done, 64 wrong command line, 65 wrong input, 67 no such"
    yield "recipient, 69 a server does not answer or refuses, 74 reading or writing failed, 75 try again later,"
    yield "77 not allowed, 78 wrong settings."
    for path, command in _commands(program, ("mailrail",)):
        context = click.Context(
            command, info_name=" ".join(path), terminal_width=COLUMNS, max_content_width=COLUMNS
        )
        context.help_option_names = ["-h", "--help"]
        yield from (
            "",
            f"{'#' * min(len(path) + 1, 3)} {' '.join(path)}",
            "",
            "```text",
            command.get_help(context),
            "```",
        )


def _commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _commands(inner, (*path, name))


def events_page() -> Iterator[str]:
    """Every event type with its level and fields, by room."""
    yield "# Events"
    yield ""
    yield "What mailrail tells of itself: each is a line of the log. Beside its own fields an event has `time`, `level`,"
    yield "`event`, and where they apply `session` and `queue_id`."
    room = ""
    for event in event_types():
        if (here := event.__module__.split(".")[1]) != room:
            room = here
            yield from ("", f"## {room}")
        yield from ("", f"### {event.__name__}", "", f"*{event.level.name.lower()}*: {_first_line(event)}")
        yield from _event_fields(event)


def event_types() -> list[type[Event]]:
    """Return every event type of the package, by room and name."""
    for module in pkgutil.walk_packages(mailrail.__path__, "mailrail."):
        if module.name.endswith((".events", ".logs")):
            import_module(module.name)
    found = [
        one for one in _subclasses(Event) if one.__module__.startswith("mailrail.") and one.__name__[0] != "_"
    ]
    return sorted(found, key=lambda one: (one.__module__, one.__name__))


def _subclasses(event: type[Event]) -> Iterator[type[Event]]:
    for inner in event.__subclasses__():
        yield inner
        yield from _subclasses(inner)


def _event_fields(event: type[Event]) -> Iterator[str]:
    words: dict[str, str] = {}
    for one in reversed(event.__mro__):
        words |= _attributes(inspect.cleandoc(one.__doc__ or ""))
    fields = [name for name in event.__struct_fields__ if name not in Event.__struct_fields__]
    if fields:
        yield ""
    for name in fields:
        yield f"- `{name}`: {words[name]}" if name in words else f"- `{name}`"


def _attributes(doc: str) -> dict[str, str]:
    """Read the section "Attributes:" of a docstring."""
    words: dict[str, str] = {}
    names: list[str] = []
    for line in doc.partition("Attributes:\n")[2].splitlines():
        if found := _ATTRIBUTE.fullmatch(line.strip()):
            names = found[1].split(", ")
            words |= dict.fromkeys(names, found[2])
        elif names and line.strip():
            words |= {name: f"{words[name]} {line.strip()}" for name in names}
    return words


def _first_line(thing: type) -> str:
    return inspect.cleandoc(thing.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def replies_page() -> Iterator[str]:
    """Every reply in the register."""
    yield "# Replies"
    yield ""
    yield "Everything that mailrail says to a peer, or puts into a notice, comes from this register. The words may be"
    yield "more precise in a given case; the codes never differ."
    yield ""
    yield "| Reply | Name | Source |"
    yield "| --- | --- | --- |"
    for name, reply in sorted(
        register().items(), key=lambda pair: (pair[1].code, pair[1].enhanced_code, pair[0])
    ):
        yield f"| {_cell(str(reply))} | `{name}` | {reply.source} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def rfcs_page() -> Iterator[str]:
    """The RFCs, how far each is followed, and where."""
    yield "# Standards"
    yield ""
    yield "How far each standard is followed, and which rooms of the code cite it. *Partly* says what is missing."
    yield ""
    yield "| RFC | Title | Status | Note | Cited in |"
    yield "| --- | --- | --- | --- | --- |"
    cited = citations()
    for number, entry in sorted(
        tomllib.loads((ROOT / "docs" / "rfcs.toml").read_text("utf-8")).items(), key=lambda pair: int(pair[0])
    ):
        link = f"[{number}](https://www.rfc-editor.org/rfc/rfc{number})"
        rooms = ", ".join(cited.get(number, ()))
        yield f"| {link} | {entry['title']} | {entry['status']} | {entry.get('note', '')} | {rooms} |"


def citations() -> dict[str, list[str]]:
    """Return, for each RFC, the rooms whose code cites it."""
    found: dict[str, set[str]] = {}
    for file in SOURCE.rglob("*.py"):
        room = file.relative_to(SOURCE).parts[0].removesuffix(".py")
        for number in _CITED.findall(file.read_text("utf-8")):
            found.setdefault(number, set()).add(room)
    return {number: sorted(rooms) for number, rooms in found.items()}


def settings_page() -> Iterator[str]:
    """Every setting."""
    yield markdown_reference().rstrip("\n")


WRITERS: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "settings": settings_page,
    "commands": commands_page,
    "events": events_page,
    "replies": replies_page,
    "rfcs": rfcs_page,
}


def page(name: str) -> str:
    """Return the text of a page."""
    return "\n".join(WRITERS[name]()) + "\n"


def stale() -> list[str]:
    """Return the names of the pages that are not what the code says."""
    return [
        name for name in WRITERS if not _file(name).exists() or _file(name).read_text("utf-8") != page(name)
    ]


def _file(name: str) -> Path:
    return PAGES / f"{name}.md"


def main() -> int:
    """Write the pages, or check them."""
    late = stale()
    if "--check" in sys.argv:
        print(f"out of date: {', '.join(late)}; run tools/docs.py" if late else "the reference is up to date")
        return bool(late)
    PAGES.mkdir(parents=True, exist_ok=True)
    for name in late:
        _file(name).write_text(page(name), "utf-8")
        print(f"wrote {_file(name).relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
