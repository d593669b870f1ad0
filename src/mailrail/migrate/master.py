"""Floor 5 · migrate — master.cf: which services Postfix runs, and what each of them does otherwise. Pure.

Source: master(5).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailrail.migrate.logical_lines import logical_lines

_COLUMNS = 8  # service, type, private, unprivileged, chroot, wake-up, most processes, command


@dataclass(frozen=True, slots=True)
class Service:
    """One row.

    Attributes:
        name: "smtp", "127.0.0.1:10025", "submission", the path of a socket ...
        kind: "inet", "unix", "fifo", "pass" or "unix-dgram".
        chroot: the column as written.
        most: the column for the number of processes.
        command: "smtpd", "pipe", "lmtp" ...
        arguments: of the command, without what is in *overrides*.
        overrides: parameters by `-o`, with where each stands.
        number: line of the file.
    """

    name: str
    kind: str
    chroot: str
    most: str
    command: str
    arguments: tuple[str, ...]
    overrides: Mapping[str, str] = field(default_factory=dict)
    number: int = 0

    @property
    def label(self) -> str:
        """The name that `postconf -M` and people use: `submission/inet`."""
        return f"{self.name}/{self.kind}"


def parse_master(text: str) -> tuple[list[Service], list[str]]:
    """Read the text of a master.cf.

    Returns:
        The services, and what is wrong: lines that are no service.
    """
    services: dict[tuple[str, str], Service] = {}
    troubles: list[str] = []
    for line in logical_lines(text):
        columns = line.text.split(maxsplit=_COLUMNS - 1)
        if len(columns) < _COLUMNS:
            troubles.append(f"line {line.number} has fewer than {_COLUMNS} columns")
            continue
        name, kind, _private, _unprivileged, chroot, _wakeup, most, command = columns
        program, *arguments = _tokens(command)
        kept, overrides = _split_overrides(arguments)
        # The last of two rows of one name and type wins, as in Postfix.
        services[name, kind] = Service(name, kind, chroot, most, program, kept, overrides, line.number)
    return list(services.values()), troubles


def _tokens(text: str) -> list[str]:
    """Split a command at white space; `{ ... }` is one argument, without its braces."""
    tokens: list[str] = []
    current, depth = "", 0
    for char in text:
        if depth == 0 and char.isspace():
            if current:
                tokens.append(current)
            current = ""
            continue
        depth = max(0, depth + (char == "{") - (char == "}"))
        current += char
    if current:
        tokens.append(current)
    return [
        token[1:-1].strip() if token.startswith("{") and token.endswith("}") else token for token in tokens
    ]


def _split_overrides(arguments: list[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    kept: list[str] = []
    overrides: dict[str, str] = {}
    waiting = iter(arguments)
    for argument in waiting:
        if argument.startswith("argv="):
            # pipe(8), spawn(8): what follows is the other program's command line.
            kept += [argument, *waiting]
            break
        if argument == "-o":
            argument = next(waiting, "")
        elif argument.startswith("-o") and "=" in argument:
            argument = argument[2:]
        else:
            kept.append(argument)
            continue
        name, _, value = argument.partition("=")
        if name.strip():
            overrides[name.strip()] = value.strip()
    return tuple(kept), overrides
