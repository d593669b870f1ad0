"""Log lines: one line each whatever a peer sends, gathered, and never the end of the daemon."""

import errno
import json
import os
import pty
from collections.abc import Callable
from enum import Enum
from ipaddress import IPv4Address
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.observe import Bus, Event, Level
from mailrail.observe.logs import (
    FIELD_CHARS,
    LINE_BYTES,
    PENDING_LINES,
    Format,
    Log,
    heard_from,
    json_line,
    open_log,
    text_line,
)
from mailrail.observe.settings import LogSettings

NOON_US = 1_795_435_200_123_456  # 2026-11-23T12:00:00.123456Z


class Colour(Enum):
    RED = "red"


class Knock(Event, frozen=True, kw_only=True):
    peer: str = ""
    tries: int = 0
    names: tuple[str, ...] = ()
    ip: IPv4Address | None = None
    colour: Colour | None = None


class DiskFailed(Event, frozen=True, kw_only=True):
    level: ClassVar[Level] = Level.ERROR

    why: str


class Whisper(Event, frozen=True, kw_only=True):
    level: ClassVar[Level] = Level.DEBUG


class NoonClock:
    def now_us(self) -> int:
        return NOON_US


class Loop:
    """The loop's call_soon, turned by hand."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def call_soon(self, callback: Callable[[], object], /) -> object:
        self.calls.append(callback)
        return None

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class Sink:
    """A file that can be broken and mended."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.error: Exception | None = None

    def write(self, data: bytes) -> None:
        if self.error:
            raise self.error
        self.writes.append(data)


def test_a_json_line_has_time_level_event_and_the_fields_that_say_something() -> None:
    line = json_line(Knock(session="s1", peer="a", ip=IPv4Address("192.0.2.1"), colour=Colour.RED), NOON_US)
    assert line == (
        b'{"time":"2026-11-23T12:00:00.123456Z","level":"info","event":"Knock",'
        b'"session":"s1","peer":"a","ip":"192.0.2.1","colour":"red"}\n'
    )


def test_a_text_line_is_aligned_and_quotes_only_where_it_must() -> None:
    line = text_line()(Knock(queue_id="Q", peer="two words", names=("a", "b c")), NOON_US)
    assert line.decode() == (
        '2026-11-23T12:00:00.123456Z INFO    Knock                queue_id=Q peer="two words" '
        'tries=0 names=[a,"b c"]\n'
    )


def test_colours_are_only_there_when_asked_for() -> None:
    event = DiskFailed(why="full")
    assert b"\x1b[31m" in text_line(colours=True)(event, NOON_US)
    assert b"\x1b" not in text_line()(event, NOON_US)


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "\x1b[2J", "\x00", "\x9b31m", "\u2028", "\u202e", "\x7f"])
def test_what_a_terminal_would_obey_is_escaped_a78(text: str) -> None:
    """A78: newline and ANSI sequences in a field stay data."""
    line = text_line()(Knock(peer=text), NOON_US).decode()
    assert line.count("\n") == 1
    assert line[:-1].isprintable()
    assert json_line(Knock(peer=text), NOON_US).count(b"\n") == 1


def test_a_field_of_a_megabyte_is_capped_a78() -> None:
    """A78: a peer's megabyte does not reach our disk."""
    event = Knock(peer="x" * 1_000_000, names=("y" * 5000,) * 1000)
    for line in (json_line(event, NOON_US), text_line()(event, NOON_US)):
        assert len(line) < 25 * FIELD_CHARS
        assert b"(1000000 characters)" in line
        assert b"(1000 in all)" in line


@given(st.text(st.characters(), max_size=50), st.lists(st.text(st.characters()), max_size=3))
def test_any_text_at_all_makes_one_valid_line(peer: str, names: list[str]) -> None:
    event = Knock(peer=peer, names=tuple(names))
    record = json.loads(json_line(event, NOON_US))
    clean = peer.encode("utf-8", "backslashreplace").decode()
    assert record.get("peer", "") == clean
    line = text_line()(event, NOON_US)
    assert line.endswith(b"\n")
    assert line[:-1].decode().isprintable()


def test_lines_of_one_turn_go_out_in_one_write() -> None:
    loop, sink = Loop(), Sink()
    log = Log(sink.write, json_line, NoonClock(), call_soon=loop.call_soon)
    log(Knock(peer="a"))
    log(Knock(peer="b"))
    assert sink.writes == []
    assert len(loop.calls) == 1
    loop.turn()
    assert [write.count(b"\n") for write in sink.writes] == [2]
    log(Knock(peer="c"))
    loop.turn()
    assert len(sink.writes) == 2


def test_without_a_loop_each_line_goes_out_at_once() -> None:
    sink = Sink()
    log = Log(sink.write, json_line, NoonClock())
    log(Knock())
    log(Knock())
    assert len(sink.writes) == 2


def test_what_is_too_quiet_is_not_written() -> None:
    sink, bus = Sink(), Bus()
    bus.listen(Log(sink.write, json_line, NoonClock()), level=heard_from(LogSettings(level="warning")))
    for event in (Whisper(), Knock(), DiskFailed(why="x")):
        bus.emit(event)
    assert len(sink.writes) == 1
    assert b"DiskFailed" in sink.writes[0]


def test_gathered_lines_are_bounded() -> None:
    loop, sink = Loop(), Sink()
    log = Log(sink.write, json_line, NoonClock(), call_soon=loop.call_soon)
    for _ in range(PENDING_LINES + 10):
        log(Knock(peer="x" * FIELD_CHARS))
    assert len(sink.writes) == 1
    assert sink.writes[0].count(b"\n") == PENDING_LINES
    assert len(sink.writes[0]) <= 1 << 20


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(errno.ENOSPC, "full"), ValueError("closed file")]
)
def test_a_log_that_cannot_be_written_stops_nothing_and_tells_later_what_is_missing(error: Exception) -> None:
    sink = Sink()
    log = Log(sink.write, json_line, NoonClock())
    sink.error = error
    log(Knock(peer="a"))
    log(Knock(peer="b"))
    assert log.lost_lines == 2
    sink.error = None
    log(Knock(peer="c"))
    told = [json.loads(line) for line in sink.writes[0].splitlines()]
    assert [record["event"] for record in told] == ["LogLinesLost", "Knock"]
    assert told[0]["lines"] == 2
    assert log.lost_lines == 0


def test_a_file_gets_json_and_a_terminal_readable_lines() -> None:
    reader, writer = os.pipe()
    open_log(LogSettings(), writer, NoonClock())(Knock(peer="a"))
    assert os.read(reader, 1000).startswith(b'{"time"')
    open_log(LogSettings(format="text"), writer, NoonClock())(DiskFailed(why="b"))
    assert b"\x1b" not in os.read(reader, 1000)
    master, terminal = pty.openpty()
    open_log(LogSettings(), terminal, NoonClock())(DiskFailed(why="c"))
    assert b"\x1b[31mERROR" in os.read(master, 1000)
    for descriptor in (reader, writer, master, terminal):
        os.close(descriptor)


def test_a_closed_pipe_is_survived() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    log = open_log(LogSettings(), writer, NoonClock())
    log(Knock())
    os.close(writer)
    log(Knock())
    assert log.lost_lines == 2


class Crowd(Event, frozen=True, kw_only=True):
    one: str = ""
    two: str = ""
    three: tuple[str, ...] = ()
    four: str = ""
    five: str = ""


@pytest.mark.parametrize("text", ["x", "\x1b", "\U0001f4ec", "\udc80"])
@pytest.mark.parametrize("line", [json_line, text_line(), text_line(colours=True)])
def test_a_line_fits_into_what_a_pipe_takes_in_one_piece_a78(text: str, line: Format) -> None:
    long = text * 5000
    written = line(Crowd(one=long, two=long, three=(long,) * 50, four=long, five=long), NOON_US)
    assert 500 < len(written) <= LINE_BYTES - len(b',"worker":63')
    assert written.count(b"\n") == 1


def test_a_worker_writes_its_number_into_each_line_whole_lines_at_a_time() -> None:
    for style in ("json", "text"):
        reader, writer = os.pipe()
        loop = Loop()
        log = open_log(LogSettings(format=style), writer, NoonClock(), loop.call_soon, worker=3)
        for number in range(200):
            log(Knock(peer="x" * number, tries=number))
        writes = []
        pieces = os.write

        def write(descriptor: int, data: bytes, pieces: Callable[[int, bytes], int] = pieces) -> int:
            writes.append(data)  # noqa: B023 - called within this turn
            return pieces(descriptor, data)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "write", write)
            loop.turn()
        assert len(writes) > 1
        assert all(len(data) <= LINE_BYTES and data.endswith(b"\n") for data in writes)
        os.close(writer)
        with open(reader, "rb") as stream:
            lines = stream.read().splitlines()
        assert len(lines) == 200
        if style == "json":
            assert [json.loads(line)["worker"] for line in lines] == [3] * 200
            assert json.loads(lines[7])["tries"] == 7
        else:
            assert all(line.endswith(b" worker=3") for line in lines)


def test_an_event_without_fields_gets_its_worker_too() -> None:
    reader, writer = os.pipe()
    open_log(LogSettings(format="json", level="debug"), writer, NoonClock(), worker=0)(Whisper())
    os.close(writer)
    with open(reader, "rb") as stream:
        assert json.loads(stream.read())["worker"] == 0
