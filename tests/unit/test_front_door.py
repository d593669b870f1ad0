"""`import mailrail` as a stranger does it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit import type_usage

import mailrail


@pytest.mark.parametrize("name", mailrail.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    thing = getattr(mailrail, name)
    has_words_of_its_own = callable(thing) and name not in ("Answer", "EndAnswer", "Outcome")
    assert thing.__doc__ or not has_words_of_its_own


def test_the_typed_usage_names_only_what_there_is() -> None:
    assert issubclass(type_usage.Plain, mailrail.Handler)


def test_a_misspelt_name_is_told_like_any_other() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sendsync'") as caught:
        _ = mailrail.sendsync  # type: ignore[attr-defined]
    assert (caught.value.name, caught.value.obj) == ("sendsync", mailrail)


def test_the_version_is_that_of_the_package() -> None:
    assert mailrail.__version__.count(".") == 2
    assert "__version__" in dir(mailrail)


def test_a_program_that_only_sends_loads_neither_server_nor_spool() -> None:
    code = "import sys, mailrail; mailrail.send_sync; print(*(name for name in sys.modules if 'mailrail' in name))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(done.stdout.split())
    assert "mailrail.client" in loaded
    assert loaded.isdisjoint(
        {"mailrail.server", "mailrail.spool", "mailrail.queue", "mailrail.delivery", "mailrail.dns"}
    )


def test_the_manual_has_every_public_name() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "library.md").read_text("utf-8")
    missing = [name for name in mailrail.__all__ if not re.search(rf"`{name}[(`]", page)]
    assert missing == []
