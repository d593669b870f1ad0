"""Floor 5 · sim — from the table of a stranger to the stranger."""

from collections.abc import Callable
from typing import Final

from mailrail.sim.scenario.settings import StrangerSettings
from mailrail.sim.strangers import (
    BrokenTls,
    Dropper,
    Greylister,
    Liar,
    Moody,
    Place,
    Step,
    Stranger,
    Tarpit,
    Throttler,
)

_KINDS: Final[dict[str, Callable[[Place, StrangerSettings], Stranger]]] = {
    "good": lambda place, _: Stranger(place),
    "greylister": lambda place, wanted: Greylister(
        place, opens_after_s=wanted.opens_after_s, forgets_after_s=wanted.forgets_after_s
    ),
    "throttler": lambda place, wanted: Throttler(
        place, connections=wanted.connections, per_hour=wanted.per_hour
    ),
    "dropper": lambda place, wanted: Dropper(place, share=wanted.share, kept=wanted.kept),
    "tarpit": lambda place, wanted: Tarpit(place, reply_s=wanted.reply_s, end_s=wanted.end_s),
    "broken_tls": lambda place, wanted: BrokenTls(place, breakage=wanted.breakage),
    "liar": lambda place, wanted: Liar(place, lie=wanted.lie),
    "moody": lambda place, wanted: Moody(
        place, temporary=_shares(wanted.temporary), permanent=_shares(wanted.permanent)
    ),
}


def make_stranger(wanted: StrangerSettings, place: Place) -> Stranger:
    """Make the stranger that *wanted* describes."""
    return _KINDS[wanted.kind](place, wanted)


def _shares(by_name: dict[str, float]) -> dict[Step, float]:
    return {Step(name): share for name, share in by_name.items()}
