"""Floor 5 · sendmail — `sendmail -q`: what waits is tried now: all, one message, or what goes to, or comes from, somebody."""

from collections.abc import Iterator
from itertools import islice

from mailrail.sendmail.exits import DATA, OK, UNAVAILABLE, Stop
from mailrail.sendmail.operator import Row, Server, SilentError
from mailrail.sendmail.options import Options
from mailrail.sendmail.whereabouts import Whereabouts

_IDS = 10_000  # admin/messages.py takes no more at a time


def flush(options: Options) -> int:
    """Have it tried and return the exit code."""
    where = Whereabouts(options.settings)
    try:
        server = Server(where.admin)
    except SilentError:
        raise Stop(UNAVAILABLE, "no server runs that could deliver: start it with mailrail serve") from None
    try:
        count = _flush(server, options.flushes)
    finally:
        server.close()
    if options.is_verbose:
        print(f"{count} tried now")
    if options.flushes.startswith("I") and not count:
        raise Stop(DATA, f"{options.flushes[1:]} is not in the queue")
    return OK


def _flush(server: Server, what: str) -> int:
    if not what:
        return server.change("retry", {})
    if what[0] == "I":
        return server.change("retry", {"queue_ids": [what[1:]]})
    ids = _matching(server, what[0], what[1:].lower())
    count = 0
    while some := list(islice(ids, _IDS)):
        count += server.change("retry", {"queue_ids": some})
    return count


def _matching(server: Server, kind: str, text: str) -> Iterator[str]:
    """Go through the messages that have *text* in the sender (S) or a waiting recipient (R), as Sendmail matches it."""
    for row in server.rows({}):
        if any(text in one.lower() for one in _texts(row, kind)):
            yield row["queue_id"]


def _texts(row: Row, kind: str) -> list[str]:
    return [row["sender"]] if kind == "S" else [one["address"] for one in row["recipients"]]
