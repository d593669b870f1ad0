"""Floor 5 · cli — the options of `mailrail send` that say what a sender wishes for a message."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Final, TypeVar

import click

from mailrail.client import SendOptions
from mailrail.model import DeliverBy, Notify, Ret
from mailrail.settings import parse_duration

_NOTIFY: Final = {one.name.lower(): one for one in Notify if one.name}
Result = TypeVar("Result")


class _Span(click.ParamType[int]):
    """A time like 90, 90s, 15m or 2h, in whole seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            seconds = int(value) if str(value).isdecimal() else parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not isinstance(seconds, int) or seconds <= 0:
            self.fail(f"{value!r}: write whole seconds above 0", param, ctx)
        return seconds


_OPTIONS: Final = (
    click.option("--notify", metavar="WHEN", help="never, or any of success,failure,delay (RFC 3461)."),
    click.option(
        "--ret", type=click.Choice(["full", "hdrs"]), help="How much of the message a notice returns."
    ),
    click.option("--envid", metavar="ID", default="", help="Comes back in notices."),
    click.option("--requiretls", is_flag=True, help="Only under verified TLS at every hop (RFC 8689)."),
    click.option(
        "--hold-for", type=_Span(), metavar="TIME", help="Kept back for so long, like 2h (RFC 4865)."
    ),
    click.option(
        "--hold-until", metavar="WHEN", help="Kept back until then, like 2026-12-01T08:00:00+01:00."
    ),
    click.option(
        "--priority",
        type=click.IntRange(-9, 9),
        metavar="N",
        help="-9 to 9, the highest goes first (RFC 6710).",
    ),
    click.option(
        "--deliver-by",
        type=_Span(),
        metavar="TIME",
        help="Delivered within a time, like 15m (RFC 2852), or else:",
    ),
    click.option(
        "--if-late",
        type=click.Choice(["return", "tell"]),
        help="The message comes back then, or its sender is told and it goes on. Default: return.",
    ),
    click.option(
        "--trace", is_flag=True, help="With --deliver-by: be told of every server that passes it on."
    ),
)


def wishes(command: Callable[..., Result]) -> Callable[..., Result]:
    """Add the options; the command gets them together, as the argument *options*."""

    @wraps(command)
    def packed(
        *,
        notify: str | None,
        ret: str | None,
        envid: str,
        requiretls: bool,
        hold_for: int | None,
        hold_until: str | None,
        priority: int | None,
        deliver_by: int | None,
        if_late: str | None,
        trace: bool,
        **rest: Any,
    ) -> Result:
        try:
            options = SendOptions(
                notify=_notify(notify),
                ret=Ret(ret.upper()) if ret else None,
                envid=envid,
                requiretls=requiretls,
                hold_for_s=hold_for or 0,
                hold_until=_instant(hold_until),
                priority=priority,
                deliver_by=_deliver_by(deliver_by, if_late, trace=trace),
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return command(options=options, **rest)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed


def _notify(words: str | None) -> Notify:
    found = Notify.DEFAULT
    for word in (words or "").replace(" ", "").lower().split(","):
        if word and word not in _NOTIFY:
            raise click.UsageError(f"--notify {word}: it is one of {', '.join(_NOTIFY)}")
        found |= _NOTIFY.get(word, Notify.DEFAULT)
    if Notify.NEVER in found and found is not Notify.NEVER:
        raise click.UsageError("--notify: never stands alone (RFC 3461 §4.1)")
    return found


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--hold-until {text}: write a time like 2026-12-01T08:00:00+01:00") from None
    return (
        at.astimezone() if at.tzinfo is None else at
    )  # without a zone it is what the clock on the wall shows


def _deliver_by(within_s: int | None, if_late: str | None, *, trace: bool) -> DeliverBy | None:
    if within_s is None:
        if if_late is not None or trace:
            raise click.UsageError("--if-late and --trace need --deliver-by")
        return None
    return DeliverBy(within_s, returns=if_late != "tell", traces=trace)
