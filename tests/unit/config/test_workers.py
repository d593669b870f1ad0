"""How many workers there are, where each has its things, and its part of what they share."""

from pathlib import Path

import pytest

from mailrail.config import (
    DRAINED,
    BadSettingsError,
    MailrailSettings,
    leftovers,
    load,
    part_of,
    socket_of,
    spool_of,
    spools,
    worker_count,
)
from mailrail.queue.settings import DestinationSettings, QueueSettings, WindowSettings
from mailrail.spool.settings import SpoolSettings

HOST = "mx1.example.org"


def at(path: Path, **values: object) -> MailrailSettings:
    return MailrailSettings(hostname=HOST, spool=SpoolSettings(path=path), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("cores", "count"), [(1, 1), (2, 2), (8, 8), (64, 8)])
def test_there_is_one_for_each_core_up_to_8(cores: int, count: int) -> None:
    assert worker_count(MailrailSettings(hostname=HOST), cores) == count


def test_who_says_how_many_gets_so_many() -> None:
    assert worker_count(MailrailSettings(hostname=HOST, workers=16), cores=2) == 16
    assert worker_count(MailrailSettings(hostname=HOST, workers=1), cores=2) == 1


def test_by_default_there_are_no_more_than_the_smallest_limit_that_they_split_is_enough_for() -> None:
    slow = QueueSettings(destination={"slow.example": DestinationSettings(connections=3)})
    assert worker_count(MailrailSettings(hostname=HOST, queue=slow), cores=8) == 3
    narrow = QueueSettings(window=WindowSettings(start=1, most=2))
    assert worker_count(MailrailSettings(hostname=HOST, queue=narrow), cores=8) == 2
    few = SpoolSettings(most_items=5)
    assert worker_count(MailrailSettings(hostname=HOST, spool=few), cores=8) == 5


def test_more_workers_than_a_limit_is_enough_for_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "mailrail.toml"
    file.write_text(
        f'hostname = "{HOST}"\nworkers = 4\n[queue.destination."slow.example"]\nconnections = 2\n'
    )
    with pytest.raises(BadSettingsError) as caught:
        load(file)
    text = str(caught.value)
    assert "mailrail.toml:2" in text
    assert '4 workers share queue.destination."slow.example".connections, which is enough for 2' in text


def test_worker_0_has_the_places_of_a_mailrail_that_is_one_process(tmp_path: Path) -> None:
    settings = at(tmp_path)
    assert spool_of(settings, 0) == tmp_path
    assert socket_of(settings, 0) == tmp_path / "admin.sock"
    assert spool_of(settings, 3) == tmp_path / "worker-3"
    assert socket_of(settings, 3) == tmp_path / "admin.sock.3"
    assert part_of(settings, 0, 0, 1) is settings


def test_the_parts_of_all_make_up_the_whole(tmp_path: Path) -> None:
    queue = QueueSettings(
        rate=6.0, destination={"slow.example": DestinationSettings(connections=5, rate=3.0)}
    )
    settings = at(tmp_path, queue=queue)
    parts = [part_of(settings, number, number, 3) for number in range(3)]
    assert sum(part.queue.window.most for part in parts) == queue.window.most
    assert sum(part.queue.active_items for part in parts) == queue.active_items
    assert [part.queue.limits("mx:slow.example") for part in parts] == [(2, 1.0), (2, 1.0), (1, 1.0)]
    assert [part.queue.limits("mx:other.example")[1] for part in parts] == [2.0, 2.0, 2.0]
    assert all(part.queue.window.start <= part.queue.window.most for part in parts)


def test_a_part_is_never_nothing_and_no_bound_stays_none(tmp_path: Path) -> None:
    queue = QueueSettings(destination={"slow.example": DestinationSettings(connections=1, rate=None)})
    part = part_of(at(tmp_path, queue=queue), 7, 7, 8)
    assert part.queue.limits("mx:slow.example") == (1, 0.0)
    assert part.spool.most_items == 0
    bounded = MailrailSettings(hostname=HOST, spool=SpoolSettings(path=tmp_path, most_items=10))
    assert sum(part_of(bounded, number, number, 4).spool.most_items for number in range(4)) == 10


def test_what_there_is_once_stays_where_it_is(tmp_path: Path) -> None:
    part = part_of(at(tmp_path), 1, 1, 2)
    assert part.tls.kept_in(part.spool.path) == tmp_path / "tls"
    assert part.admin.path(part.spool.path) == tmp_path / "admin.sock.1"
    assert part.limits == at(tmp_path).limits


def test_spools_that_may_hold_mail_are_found_by_what_is_there(tmp_path: Path) -> None:
    settings = at(tmp_path)
    assert spools(settings) == [0]
    for name in ("worker-1", "worker-3", "worker-12", "worker-x", "worker-0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "spool.db").touch()
    (tmp_path / "worker-7").mkdir()
    assert spools(settings) == [0, 1, 3, 12]
    assert leftovers(settings, 2) == [3, 12]
    (tmp_path / "worker-3" / DRAINED).touch()
    assert leftovers(settings, 1) == [1, 12]


def test_a_spool_that_is_not_there_yet_has_no_others(tmp_path: Path) -> None:
    assert spools(at(tmp_path / "nowhere")) == [0]
