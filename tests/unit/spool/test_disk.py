"""The door to the disk is the only one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import mailrail.spool

ROOM = Path(mailrail.spool.__file__).parent
# What tells who we are, or names a type.
NO_FILES = {"geteuid", "getpid", "stat_result", "statvfs_result"}


def system_calls(file: Path) -> Iterator[str]:
    """Yield what *file* asks of the operating system's files."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name not in NO_FILES:
                yield f"os.{name}"
            case ast.Call(func=ast.Name(id="open")):
                yield "open"
            case ast.Import(names=names):
                yield from {name.name for name in names} & {"fcntl", "shutil", "tempfile"}
            case ast.ImportFrom(module="os"):
                yield "from os"
            case ast.Call(
                func=ast.Attribute(attr="mkdir" | "unlink" | "lstat" | "chmod" | "iterdir" as name)
            ):
                yield name


def test_only_the_system_disk_calls_the_system() -> None:
    found = {file.name: set(system_calls(file)) for file in ROOM.glob("*.py")}
    assert {name for name, calls in found.items() if calls} == {"system_disk.py"}
    assert {"fcntl", "os.fsync", "os.rename"} <= found["system_disk.py"]
