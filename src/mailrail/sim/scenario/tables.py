"""Floor 5 · sim — how a scenario went, as rows for people and as plain values for programs."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from mailrail.sim.ledger import DestinationCount, Violation
from mailrail.sim.scenario.run import DAY_S, Result

HEADS: Final = (
    "destination", "recipients", "delivered", "returned", "queued", "deferrals", "retries", "twice", "p50", "p99",
)  # fmt: skip
_WORST: Final = 5
_HISTORY: Final = 12  # lines of a violation's history that are shown
_LATE_S: Final = 60.0  # a destination whose p99 stays below needs no word


def rows(result: Result) -> Iterator[tuple[str, ...]]:
    """Yield a row for each destination, and the sum where there are several."""
    places = result.summary.destinations
    yield from map(_row, places)
    if len(places) > 1:
        yield _row(result.summary.total)


def _row(one: DestinationCount) -> tuple[str, ...]:
    counts = (
        one.recipients, one.delivered, one.bounced, one.queued, one.deferrals, one.retries, one.duplicates,
    )  # fmt: skip
    return (
        one.domain,
        *(f"{count:,}" for count in counts),
        delay_words(one.delay_s(0.5)),
        delay_words(one.delay_s(0.99)),
    )


def delay_words(seconds: float) -> str:
    """Write a delay with the digits that matter: `0.2s`, `42s`, `5m12s`, `3h07m`."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, left = divmod(whole, 60)
    return f"{minutes}m{left:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def worst(result: Result) -> Iterator[tuple[str, str]]:
    """Yield the destinations that went worst, each with the reason heard most often there."""

    def badness(one: DestinationCount) -> tuple[int, int, float]:
        return one.queued, one.deferrals, one.delay_s(0.99)

    for one in sorted(result.summary.destinations, key=badness, reverse=True)[:_WORST]:
        if one.deferrals or one.queued or one.delay_s(0.99) > _LATE_S:
            reasons = one.replies.most_common(1)
            yield (
                one.domain,
                f"{reasons[0][0]} ({reasons[0][1]:,} times)" if reasons else "slow, no complaint",
            )


def broken(violations: Sequence[Violation]) -> Iterator[str]:
    """Yield lines that tell each broken rule once, with the history of its first message."""
    seen: dict[str, int] = {}
    for violation in violations:
        seen[violation.rule] = seen.get(violation.rule, 0) + 1
    for rule, count in seen.items():
        first = next(one for one in violations if one.rule == rule)
        times = f" (and {count - 1:,} more)" if count > 1 else ""
        yield f"{rule}: {f'message {first.key}, ' if first.key else ''}{first.words}{times}"
        yield from (f"    {line}" for line in first.history[-_HISTORY:])


def as_values(result: Result) -> dict[str, Any]:
    """Return everything as values that JSON can write."""
    return {
        "scenario": result.name,
        "title": result.settings.title,
        "seed": result.settings.seed,
        "days": result.settings.days,
        "simulated_s": result.settings.days * DAY_S,
        "took_s": round(result.took_s, 3),
        "unanswered": result.unanswered,
        "counts": dict(sorted(result.summary.counts.items())),
        "destinations": [_values(one) for one in result.summary.destinations],
        "violations": [
            {
                "at_s": one.at_s,
                "key": one.key,
                "rule": one.rule,
                "words": one.words,
                "history": list(one.history),
            }
            for one in result.violations
        ],
        "notes": list(result.notes),
        "samples": [
            {
                "at_s": one.at_s,
                "waiting": one.waiting,
                "taken": one.taken,
                "delivered": one.delivered,
                "deferred": one.deferred,
                "returned": one.returned,
            }
            for one in result.samples
        ],
    }


def _values(one: DestinationCount) -> dict[str, Any]:
    return {
        "destination": one.domain,
        "recipients": one.recipients,
        "delivered": one.delivered,
        "returned": one.bounced,
        "queued": one.queued,
        "deferrals": one.deferrals,
        "retries": one.retries,
        "duplicates": one.duplicates,
        "delay_p50_s": round(one.delay_s(0.5), 3),
        "delay_p99_s": round(one.delay_s(0.99), 3),
        "replies": dict(one.replies.most_common(_WORST)),
    }
