"""What a table in memory says needs no waiting; all else does."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mailrail.net import NetSettings, SocketNetwork
from mailrail.observe import Bus
from mailrail.sim import simulate
from mailrail.tables import Doors, Known, Tables, TableSettings, open_tables

KEYS = ["info", "INFO", "nobody", "a\0b", "x" * 1000, ""]


def opened(**tables: dict[str, Any]) -> Tables:
    read: TypeAdapter[TableSettings] = TypeAdapter(TableSettings)
    settings = {name: read.validate_python(table) for name, table in tables.items()}
    return open_tables(settings, Doors(Bus(), SocketNetwork(NetSettings())))


@pytest.mark.parametrize("kind", ["inline", "file", "aliases"])
def test_what_is_in_memory_is_said_at_once_and_the_same(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "table"
    file.write_text("info: ann, bob\n" if kind == "aliases" else "info ann, bob\n")
    more = {"entries": {"info": ("ann", "bob")}} if kind == "inline" else {"file": file}

    async def main() -> None:
        tables = opened(t={"kind": kind, **more})
        for key in KEYS:
            assert tables.at_once("t", key) == Known(await tables["t"].look_up(key))
        assert tables.at_once("t", "info") == Known(("ann", "bob"))
        await tables.close()

    asyncio.run(main())


def test_a_file_that_has_changed_must_be_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "table"
    file.write_text("info ann\n")

    async def main() -> None:
        tables = opened(t={"kind": "file", "file": file})
        new = tmp_path / "new"
        new.write_text("info bob\n")
        os.replace(new, file)
        assert tables.at_once("t", "info") is None
        assert await tables["t"].look_up("info") == ("bob",)
        assert tables.at_once("t", "info") == Known(("bob",))
        await tables.close()

    asyncio.run(main())


def upper(key: str) -> str | None:
    return key.upper() if key != "nobody" else None


def test_what_was_asked_is_known_for_a_while_and_a_pattern_never() -> None:
    async def main() -> None:
        function = {
            "kind": "function",
            "function": "tests.unit.tables.test_at_once:upper",
            "found_s": 60,
            "missing_s": 5,
        }
        tables = opened(asked=function, regex={"kind": "regex", "rules": {"^info$": "ann"}})
        for key, values in (("ann", ("ANN",)), ("nobody", None)):
            assert tables.at_once("asked", key) is None
            assert await tables["asked"].look_up(key) == values
            assert tables.at_once("asked", key) == Known(values)
        await asyncio.sleep(10)
        assert tables.at_once("asked", "ann") == Known(("ANN",))
        assert tables.at_once("asked", "nobody") is None
        assert tables.at_once("regex", "info") is None
        await tables.close()

    simulate(main())
