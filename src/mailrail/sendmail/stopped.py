"""Floor 5 · sendmail — the stored queue of a server that does not run, by the means of the operator's program."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailrail.admin import Wanted
from mailrail.cli.exits import CommandFailed, code_of
from mailrail.cli.source import open_queue
from mailrail.config import MailrailSettings, load
from mailrail.model import MailrailError
from mailrail.sendmail.exits import Stop
from mailrail.sendmail.operator import PAGE, Row


@contextmanager
def told_as_stop() -> Iterator[None]:
    """End with what the operator's program would end with."""
    try:
        yield
    except CommandFailed as error:
        raise Stop(error.code, str(error)) from None
    except MailrailError as error:
        raise Stop(code_of(error), str(error)) from None


def settings_in(file: str) -> MailrailSettings:
    """Load all settings.

    Raises:
        Stop: with every problem.
    """
    with told_as_stop():
        return load(Path(file))


def rows_of_stopped(file: str) -> tuple[list[Row], list[Row]]:
    """Return what waits in the maildrop, and every item.

    Raises:
        Stop: it cannot be reached; the text says what to do.
    """
    settings = settings_in(file)
    with told_as_stop():
        return asyncio.run(_rows(settings))


async def _rows(settings: MailrailSettings) -> tuple[list[Row], list[Row]]:
    handed_in: list[Row] = []
    found: list[Row] = []
    after: tuple[str, str] | None = None
    async with open_queue(settings) as queue:
        while some := await queue.handed_in(handed_in[-1]["place"] if handed_in else "", PAGE):
            handed_in += [one.model_dump() for one in some]
        while page := await queue.page(Wanted(), after, PAGE):
            found += [row.model_dump() for row in page]
            after = (page[-1].queue_id, page[-1].destination)
    return handed_in, found
