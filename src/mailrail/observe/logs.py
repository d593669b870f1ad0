"""Floor 0 · observe — events as log lines: JSON for machines, aligned text for people.

Law: a line is one line whatever a peer sent (A78): control characters and escape sequences are
escaped, a field is cut at FIELD_CHARS, a line fits into LINE_BYTES. Writing never raises and never waits on the
hot path: lines gather until the loop's next turn and go out in one write; what cannot be written is
counted and told when writing works again. Several processes may write to one pipe: no write is
longer than what a pipe takes in one piece, so their lines never tear.
"""

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec

from mailrail.model import SECOND_US, Clock, utc
from mailrail.observe.event import Event, Level
from mailrail.observe.settings import LogSettings

FIELD_CHARS: Final = 1024  # ours; A78: a peer's megabyte is not worth more of our disk
LINE_BYTES: Final = 4096  # PIPE_BUF of Linux (pipe(7)): up to here a write to a pipe is in one piece
_MARK_BYTES: Final = 16  # of them for the number of the worker
PENDING_LINES: Final = 256  # ours: at most 1 MiB; a log that takes nothing may not eat the memory
_MICROS_DIGITS: Final = 6
_MANY: Final = 20  # elements of a list that a line shows
_COLOURS: Final = {Level.DEBUG: "\x1b[2m", Level.INFO: "", Level.WARNING: "\x1b[33m", Level.ERROR: "\x1b[31m"}
_PLAIN: Final = "\x1b[0m"
_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)
_NAME_COLUMNS: Final = 20  # the longest common event names, so that fields line up

Write = Callable[[bytes], object]


class CallSoon(Protocol):
    """The loop's `call_soon`."""

    def __call__(self, callback: Callable[[], object], /) -> object:
        """Call *callback* in the loop's next turn."""
        ...


class Format(Protocol):
    """Turns an event into one line, with its line end."""

    def __call__(self, event: Event, now_us: int, /) -> bytes:
        """Return the line of *event*, which happened at *now_us*."""
        ...


class Log:
    """A listener of the Bus that writes what it hears: how loud that must be is for the Bus to know.

    Args:
        write: writes bytes; OSError and ValueError (a closed stream) lose the lines, nothing else.
        line: how an event looks.
        clock: stamps the lines.
        call_soon: the loop's, to gather one turn's lines; None writes each at once.
    """

    __slots__ = ("_call_soon", "_clock", "_line", "_pending", "_write", "lost_lines")

    def __init__(
        self, write: Write, line: Format, clock: Clock, *, call_soon: CallSoon | None = None
    ) -> None:
        self._write = write
        self._line = line
        self._clock = clock
        self._call_soon = call_soon or _call_now
        self._pending: list[bytes] = []
        self.lost_lines = 0

    def __call__(self, event: Event) -> None:
        """Write *event*, now or in the loop's next turn."""
        pending = self._pending
        pending.append(self._line(event, self._clock.now_us()))
        waiting = len(pending)
        if waiting == 1:
            self._call_soon(self.flush)
        elif waiting >= PENDING_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what waits; call it once more before the process ends."""
        lines, self._pending = self._pending, []
        if not lines:
            return
        lost = self.lost_lines
        if lost:
            lines.insert(0, self._line(LogLinesLost(lines=lost), self._clock.now_us()))
        try:
            # EPIPE, ENOSPC, a closed terminal: mail goes on without a log.
            self._write(b"".join(lines))
        except (OSError, ValueError):
            self.lost_lines = lost + len(lines) - bool(lost)
        else:
            self.lost_lines = 0


def _call_now(callback: Callable[[], object], /) -> None:
    callback()


class LogLinesLost(Event, frozen=True, kw_only=True):
    """The log could not be written for a while.

    Attributes:
        lines: how many lines are missing.
    """

    level = Level.ERROR

    lines: int


def open_log(
    settings: LogSettings,
    descriptor: int,
    clock: Clock,
    call_soon: CallSoon | None = None,
    worker: int | None = None,
) -> Log:
    """Make the log that *settings* ask for; it is to hear what is as loud as `heard_from` says.

    Args:
        descriptor: an open file, usually 2, standard error; it stays open.
        call_soon: the loop's, to write once a turn.
        worker: the number that every line carries; None: it would be the same in all.
    """
    is_terminal = os.isatty(descriptor)
    is_text = settings.format == "text" or (settings.format == "auto" and is_terminal)
    line = text_line(colours=is_terminal) if is_text else json_line
    if worker is not None:
        line = _marked(line, f" worker={worker}\n" if is_text else f',"worker":{worker}}}\n')
    return Log(lambda data: _write_all(descriptor, data), line, clock, call_soon=call_soon)


def heard_from(settings: LogSettings) -> Level:
    """Return the quietest level that is logged."""
    return Level[settings.level.upper()]


def _marked(line: Format, end: str) -> Format:
    """Return *line* with another *end*: the line's own end, and a closing brace where there is one, stand in it."""
    mark = end.encode()
    own = 2 if mark.startswith(b",") else 1
    return lambda event, now_us: line(event, now_us)[:-own] + mark


def _write_all(descriptor: int, data: bytes) -> None:
    for piece in _pieces(data):
        while piece:
            piece = piece[os.write(descriptor, piece) :]


def _pieces(data: bytes) -> Iterator[bytes]:
    """Cut *data* behind lines, so that each piece is written whole or not at all."""
    while len(data) > LINE_BYTES:
        end = data.rfind(b"\n", 0, LINE_BYTES) + 1 or len(data)
        yield data[:end]
        data = data[end:]
    yield data


def json_line(event: Event, now_us: int) -> bytes:
    """Write *event* as one JSON object: time (RFC 3339, UTC), level, event, then its fields."""
    opening, kind = _opening(now_us // SECOND_US), _kind(type(event))
    try:
        # Three lines a message are written: this is the hot path, and msgspec takes 1 µs.
        fields = _ENCODER.encode(event)
    except UnicodeEncodeError:
        fields = b""
    if not fields or len(fields) > FIELD_CHARS:
        room = LINE_BYTES - _MARK_BYTES - _MICROS_DIGITS - len(opening) - len(kind)
        fields = _fitting(lambda chars: _encode(_record(event, chars)), room)
    if fields == b"{}":
        return b"%b%06d%b}\n" % (opening, now_us % SECOND_US, kind)
    return b"%b%06d%b,%b\n" % (opening, now_us % SECOND_US, kind, fields[1:])


def text_line(*, colours: bool = False) -> Format:
    """Return a Format for people: time, level, event, then `field=value`.

    Args:
        colours: mark warnings and errors by colour; only for a terminal.
    """

    def line(event: Event, now_us: int) -> bytes:
        colour = _COLOURS[event.level] if colours else ""
        name = f"{type(event).__name__:<{_NAME_COLUMNS}}"
        head = f"{_stamp(now_us)} {colour}{event.level.name:<7} {name}{_PLAIN if colour else ''} ".encode()
        fields = _fitting(lambda chars: _words(event, chars), LINE_BYTES - _MARK_BYTES - len(head))
        return (head + fields).rstrip() + b"\n"

    return line


def _fitting(write: Callable[[int], bytes], room: int) -> bytes:
    """Return what *write* makes of values cut at FIELD_CHARS, or shorter ones until it has *room*."""
    chars = FIELD_CHARS
    while len(written := write(chars)) > room and chars > 1:
        chars //= 4
    return written


def _record(event: Event, chars: int) -> dict[str, object]:
    return {field: _capped(value, chars) for field, value in _fields(event)}


def _words(event: Event, chars: int) -> bytes:
    words = " ".join(f"{field}={_quoted(value, chars)}" for field, value in _fields(event))
    return words.encode("utf-8", "backslashreplace")


@lru_cache(maxsize=256)
def _kind(event_type: type[Event]) -> bytes:
    return f'Z","level":"{event_type.level.name.lower()}","event":"{event_type.__name__}"'.encode()


@lru_cache(maxsize=2)
def _opening(second: int) -> bytes:
    return f'{{"time":"{_second_text(second)}.'.encode()


def _stamp(now_us: int) -> str:
    second, micros = divmod(now_us, SECOND_US)
    return f"{_second_text(second)}.{micros:06}Z"


@lru_cache(maxsize=2)
def _second_text(second: int) -> str:
    return utc(second * SECOND_US).strftime("%Y-%m-%dT%H:%M:%S")


def _fields(event: Event) -> Iterator[tuple[str, Any]]:
    """Yield the fields that say something, in the order of the class."""
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if value not in ("", None, ()):
            yield name, value


def _capped(value: object, chars: int) -> object:
    match value:
        case str() if len(value) > chars:
            return f"{value[:chars]}... ({len(value)} characters)"
        case tuple() | list():
            shown = [_capped(item, chars) for item in value[:_MANY]]
            return shown if len(value) <= _MANY else [*shown, f"... ({len(value)} in all)"]
        case _:
            return value


def _encode(record: dict[str, object]) -> bytes:
    try:
        return msgspec.json.encode(record, enc_hook=str)
    except UnicodeEncodeError:
        # Lone surrogates, from a file name or a peer: JSON has no word for them.
        clean = {name: _clean(value) for name, value in record.items()}
        return msgspec.json.encode(clean, enc_hook=str)


def _clean(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case list():
            return [_clean(item) for item in value]
        case _:
            return value


def _quoted(value: object, chars: int) -> str:
    """Write *value* on one line, in quotes where it has spaces, with nothing a terminal would obey."""
    capped = _capped(value, chars)
    if isinstance(capped, list):
        return "[" + ",".join(_quoted(item, FIELD_CHARS) for item in capped) + "]"
    text = str(capped)
    if text.isascii() and text.isprintable() and text and not any(mark in text for mark in ' "=\\'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in escaped) + '"'


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
