"""Several workers are one server to the operator: their queues, their states."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Program, fill

from mailrail.admin import CertificateRow, DestinationRow, Status
from mailrail.cli.certificate import shown_by
from mailrail.cli.everywhere import workers
from mailrail.cli.status import each_of, workers_words
from mailrail.cli.together import Together, status_of_all
from mailrail.config import DRAINED, MailrailSettings
from mailrail.model import QueueId
from mailrail.spool.settings import SpoolSettings


@pytest.fixture
def both(config: Path, stored: list[QueueId]) -> list[QueueId]:
    """Three messages of worker 0, two of worker 1 and one of a worker that is no more; all ids in the order of time."""
    spool = config.parent / "spool"
    more = asyncio.run(fill(spool / "worker-1", ("ann@example.com", "alice@example.com"), node=1))
    return [*stored, *more, *asyncio.run(fill(spool / "worker-5", ("",), node=5))]


def test_the_stored_queue_of_all_workers_is_one_list_in_the_order_of_time(
    mailrail: Program, both: list[QueueId]
) -> None:
    rows = [json.loads(line) for line in mailrail("queue", "list", "--json").out.splitlines()]
    assert [row["queue_id"] for row in rows] == both == sorted(both)
    two = [json.loads(line) for line in mailrail("queue", "list", "--json", "--limit", "4").out.splitlines()]
    assert two == rows[:4]
    assert mailrail("queue", "list", "--limit", "4").out.splitlines()[-1].startswith("-- 2 more items")


def test_one_message_is_shown_wherever_it_is(mailrail: Program, both: list[QueueId]) -> None:
    for queue_id in both:
        assert mailrail("queue", "show", queue_id).out.splitlines()[0] == queue_id


def test_destinations_are_summed_up(mailrail: Program, both: list[QueueId]) -> None:
    (row,) = [json.loads(line) for line in mailrail("queue", "stats", "--json").out.splitlines()]
    assert (row["destination"], row["items"]) == ("mx:example.org", 6)


def test_a_change_reaches_the_mail_of_every_worker(mailrail: Program, both: list[QueueId]) -> None:
    assert mailrail("queue", "hold", "--sender", "alice@example.com").out == "Held: 2 items.\n"
    assert "-- held as it comes: sender alice@example.com" in mailrail("queue", "list").out
    assert mailrail("queue", "list").out.count("held as it comes") == 1
    assert mailrail("queue", "release", "--all").out == "Released: 2 items.\n"
    assert mailrail("queue", "delete", "--all", "--yes").out == "Deleted: 6 items.\n"
    assert mailrail("queue", "list").out == "Nothing waits.\n"


def test_an_emptied_spool_and_a_socket_that_was_left_are_passed_over(
    mailrail: Program, config: Path, both: list[QueueId]
) -> None:
    spool = config.parent / "spool"
    (spool / "worker-5" / DRAINED).touch()
    (spool / "admin.sock.5").touch()
    (spool / "admin.sock.9").touch()
    settings = MailrailSettings(hostname="mx1.example.org", spool=SpoolSettings(path=spool))
    assert workers(settings) == [0, 1, 5, 9]
    rows = mailrail("queue", "list", "--json").out.splitlines()
    assert [json.loads(row)["queue_id"] for row in rows] == both[:-1]


class Told:
    """A queue that only knows its destinations."""

    def __init__(self, *rows: DestinationRow) -> None:
        self.rows = list(rows)

    async def stats(self, limit: int = 1000) -> list[DestinationRow]:
        return self.rows[:limit]


def row(name: str, items: int, **more: object) -> DestinationRow:
    values = {"held": 0, "oldest_us": 5, "next_due_us": 0, **more}
    return DestinationRow(destination=name, items=items, **values)  # type: ignore[arg-type]


def test_a_destination_is_as_asleep_as_with_the_worker_where_it_sleeps_longest() -> None:
    one = Told(
        row("mx:a.example", 3, oldest_us=9, next_due_us=7, connections=1, window=2, asleep_s=3.0, last="no"),
        row("mx:b.example", 2),
    )
    two = Told(row("mx:b.example", 4), row("mx:a.example", 1, connections=2, window=2, next_due_us=0))
    found = asyncio.run(Together([one, two]).stats(1))  # type: ignore[list-item]
    assert found == [row("mx:b.example", 6)]
    (first, second) = asyncio.run(Together([one, two]).stats())  # type: ignore[list-item]
    assert first.destination == "mx:b.example"
    assert second == row(
        "mx:a.example", 4, oldest_us=5, next_due_us=7, connections=3, window=4, asleep_s=3.0, last="no"
    )


def test_a_certificate_is_told_once_with_who_shows_it() -> None:
    old, new = (CertificateRow(file="/a", names=("a",), issuer="b", ends_us=end) for end in (1, 2))
    found = [
        status(0, certificates=(new,)),
        status(1, certificates=(new, old)),
        status(2, certificates=(old,), is_leftover=True),
    ]
    assert shown_by(found) == {new: [0, 1], old: [1]}
    assert [row.certificates for row in status_of_all(found).workers] == [(new,), (new, old), (old,)]


def status(worker: int, **more: object) -> Status:
    values = {"pid": 100 + worker, "main_pid": 99, "started_us": 10 - worker, "now_us": 20, **more}
    return Status(version="1", hostname="a.example", worker=worker, **values)  # type: ignore[arg-type]


def test_the_state_of_all_is_the_sum_and_each() -> None:
    whole = status_of_all(
        [
            status(0, sessions=2, items=3),
            status(1, sessions=5, items=4, trouble="disk full"),
            status(2, items=1, is_leftover=True, trouble="-"),
        ]
    )
    assert (whole.pid, whole.sessions, whole.items, whole.started_us) == (99, 7, 8, 8)
    assert whole.trouble == "disk full"
    assert [(row.worker, row.pid, row.items) for row in whole.workers] == [
        (0, 100, 3),
        (1, 101, 4),
        (2, 102, 1),
    ]


def test_a_server_that_is_one_process_is_told_as_it_is() -> None:
    one = status(0, main_pid=100)
    assert status_of_all([one]) == one


def test_the_words_tell_of_workers_that_empty_spools_and_of_those_that_are_silent() -> None:
    whole = status_of_all([status(0), status(1, is_leftover=True, items=3)])
    lines = list(workers_words(whole, [2]))
    assert lines == [
        "  workers     1, number 1 takes no mail and empties its spool, number 2 does not answer"
    ]
    assert [line.split(maxsplit=5)[-1] for line in each_of(whole)] == [
        "STATE",
        "takes mail",
        "takes no mail, empties its spool",
    ]
    one = status(0, main_pid=100)
    assert list(workers_words(one, [])) == []
    assert list(each_of(one)) == ["There is one process."]
