"""Floor 5 · cli — where the workers are, and one question to all of them: to the operator they are one server."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from mailrail.admin import AdminClient, AdminError, Trouble
from mailrail.config import MailrailSettings, socket_of, spools
from mailrail.net import SocketNetwork

T = TypeVar("T")
Question = Callable[[AdminClient], Awaitable[T]]


def workers(settings: MailrailSettings) -> list[int]:
    """Return the numbers of the workers that may be there: who has a spool, or a socket.

    What the settings say about their number may have changed since the server was started, and does not count.
    """
    numbers = {0}
    with suppress(PermissionError):  # who may use the sockets may perhaps not look into the spool
        numbers.update(spools(settings))
    first = socket_of(settings, 0)
    own = re.compile(re.escape(first.name) + r"\.([1-9][0-9]{0,3})")
    with suppress(OSError):
        found = (own.fullmatch(path.name) for path in first.parent.iterdir())
        numbers.update(int(match[1]) for match in found if match)
    return sorted(numbers)


async def ask(settings: MailrailSettings, number: int, question: Question[T]) -> T:
    """Ask one worker.

    Raises:
        AdminError: it does not answer, or did not do it.
    """
    async with await AdminClient.open(SocketNetwork(settings.net), socket_of(settings, number)) as admin:
        return await question(admin)


async def ask_all(settings: MailrailSettings, question: Question[T]) -> list[T]:
    """Ask every worker, and return what those answer that are there.

    Raises:
        AdminError: nobody answers, or one did not do it.
    """
    answers: list[T] = []
    silent: list[AdminError] = []
    for number in workers(settings):
        try:
            answers.append(await ask(settings, number, question))
        except AdminError as error:
            if error.trouble is not Trouble.DOWN:
                raise
            silent.append(error)
    if not answers:
        raise silent[0]
    return answers
