"""Floor 5 · sendmail — `mailq`: the queue in the columns of Postfix, which scripts and monitors have read for decades.

Source: showq(8) and postqueue(1) of Postfix 3.7, with its long queue ids, which ours are like; `-j` is its JSON. Mail in the maildrop is listed
as there, but with a mark of its own: Postfix has none for it, and `*` (being tried), `!` (held) and `#` (expires) are taken.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from mailrail.sendmail.exits import OK
from mailrail.sendmail.operator import Row, Server, SilentError
from mailrail.sendmail.options import Options
from mailrail.sendmail.whereabouts import Whereabouts

NOBODY = "MAILER-DAEMON"  # the null reverse-path, as Postfix shows it
_HEADINGS = ("----Queue ID-----", "--Size--", "---Arrival Time----", "--Sender/Recipient------")
_REASON_COLUMNS = 76


def list_queue(options: Options) -> int:
    """Print the queue and return the exit code."""
    where = Whereabouts(options.settings)
    try:
        server = Server(where.admin)
    except SilentError:
        from mailrail.sendmail.stopped import rows_of_stopped  # opens the stored queue: half a second

        handed_in, rows = rows_of_stopped(where.settings)
        _print(handed_in, rows, as_json=options.as_json)
        return OK
    try:
        _print(server.handed_in(), server.rows({}), as_json=options.as_json)
    finally:
        server.close()
    return OK


def _print(handed_in: Iterable[Row], rows: Iterable[Row], *, as_json: bool) -> None:
    # In this order, which is Postfix's too: mail that moves on meanwhile is shown twice rather than never.
    messages = chain(map(_waiting, handed_in), _messages(rows))
    for line in map(json_line, messages) if as_json else lines(messages):
        sys.stdout.write(f"{line}\n")


def _waiting(handed_in: Row) -> Row:
    """Return a message in the maildrop as one of the queue."""
    return {
        "queue_id": handed_in["id"],
        "sender": handed_in["sender"],
        "recipients": [{"address": one, "last_reply": ""} for one in handed_in["recipients"]],
        "size_bytes": handed_in["size_bytes"],
        "arrived_us": handed_in["arrived_us"],
        "is_active": False,
        "held": False,
        "problem": handed_in["problem"],
    }


def _messages(rows: Iterable[Row]) -> Iterator[Row]:
    """Put the items of each message together, which come one behind the other."""
    for _, items in groupby(rows, itemgetter("queue_id")):
        first, *others = items
        for other in others:
            first["recipients"] += other["recipients"]
            for key in ("is_active", "held"):
                first[key] = first[key] or other[key]
        yield first


def lines(messages: Iterable[Row]) -> Iterator[str]:
    """Return the listing, line by line."""
    count = size_bytes = 0
    for message in messages:
        yield _columns(*_HEADINGS) if not count else ""
        count += 1
        size_bytes += message["size_bytes"]
        yield from _message_lines(message)
    if not count:
        yield "Mail queue is empty"
        return
    yield ""
    yield f"-- {size_bytes // 1024} Kbytes in {count} Request{'' if count == 1 else 's'}."


def _message_lines(message: Row) -> Iterator[str]:
    is_in_maildrop = "problem" in message
    mark = "*" if message["is_active"] else "!" if message["held"] else "+" if is_in_maildrop else ""
    arrived = time.asctime(time.localtime(message["arrived_us"] // 1_000_000))
    yield _columns(message["queue_id"] + mark, message["size_bytes"], arrived[:19], _sender(message))
    if is_in_maildrop and message["problem"]:
        yield f"({_clean(message['problem'])})".rjust(_REASON_COLUMNS + 2)
    told = ""
    for recipient in message["recipients"]:
        reason = _clean(recipient["last_reply"])
        if reason != told:
            told = reason
            yield f"({reason or 'reason unavailable'})".rjust(_REASON_COLUMNS + 2)
        yield _columns("", "", "", _clean(recipient["address"]))


def _columns(queue_id: str, size: int | str, time_: str, address: str) -> str:
    return f"{queue_id:<17} {size:>8} {time_:<19} {address}"


def json_line(message: Row) -> str:
    """Return a message as `postqueue -j` writes it."""
    recipients = []
    for recipient in message["recipients"]:
        one: dict[str, Any] = {"address": recipient["address"]}
        if recipient["last_reply"]:
            one["delay_reason"] = recipient["last_reply"]
        recipients.append(one)
    found = {
        "queue_name": _queue_name(message),
        "queue_id": message["queue_id"],
        "arrival_time": message["arrived_us"] // 1_000_000,
        "message_size": message["size_bytes"],
        "forced_expire": False,
        "sender": _sender(message),
        "recipients": recipients,
    }
    return json.dumps(found, ensure_ascii=False)


def _queue_name(message: Row) -> str:
    if "problem" in message:
        return "maildrop"
    if message["is_active"]:
        return "active"
    if message["held"]:
        return "hold"
    return "deferred" if message["attempts"] else "incoming"


def _sender(message: Row) -> str:
    return NOBODY if message["sender"] == "<>" else _clean(message["sender"])


def _clean(text: str) -> str:
    """Return *text* harmless to a terminal, on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
