"""Whatever text stands in a settings file:

- it is settings, or a BadSettingsError; nothing else is raised;
- the error names at least one problem, each with this file and a line that is in it;
- no problem is told in Python's words.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.seeds import files

from mailrail.config import BadSettingsError, load

_PYTHON_WORDS = ("Traceback", "sys.set_int", "recursion", "object at 0x", "NoneType")


def check(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mailrail.toml"
        file.write_bytes(data)
        try:
            load(file)
        except BadSettingsError as error:
            _check_error(error, file, data.count(b"\n") + 1)


def _check_error(error: BadSettingsError, file: Path, lines: int) -> None:
    assert error.problems
    for problem in error.problems:
        assert problem.where.file == str(file)
        assert 0 <= problem.where.line <= lines
        assert problem.text
        assert not any(word in str(problem) for word in _PYTHON_WORDS), problem


def seeds() -> Iterator[bytes]:
    yield from files("config", "*.toml")
    yield b'hostname = "mx.example.org"\n[relay]\nnetworks = ["127.0.0.0/8", "::1"]\n[[listener]]\naddress = "[::]:25"\n'
    yield b'hostname = "mx.example.org"\n[[route]]\nmatch = "*"\nnext_hop = "a.example:587"\ntls = "verify"\n'
    yield b'hostname = "mx.example.org"\n[domain."example.org"]\nrelay_to = "10.0.0.5:25"\n[queue]\nx = 0xff\n'
