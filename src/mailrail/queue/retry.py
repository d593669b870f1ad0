"""Floor 4 · queue — when to try again and when to give up. Pure: no clock, no I/O, no globals.

Old age alone never ends a message: it must also have been tried as often as an undisturbed
schedule would have tried half of it. So a wall clock that jumps days ahead, a server that was
switched off for a week, or an operator's long hold expire nothing by themselves (A62).

Source: RFC 5321 §4.5.4.1.
"""

from collections.abc import Callable
from functools import lru_cache

from mailrail.queue.settings import RetrySettings

Uniform = Callable[[float, float], float]


def nominal_wait_s(attempts: int, settings: RetrySettings) -> float:
    """Return the wait after *attempts* tries (>= 1), before chance varies it."""
    # 32 doublings are beyond any longest_s; the power must not overflow after years of tries.
    return float(min(settings.first_s * settings.factor ** min(attempts - 1, 32), settings.longest_s))


def next_wait_s(attempts: int, left_s: float, settings: RetrySettings, uniform: Uniform) -> float:
    """Return the seconds until the next try, always more than 0.

    Args:
        attempts: tries already made, >= 1.
        left_s: seconds until the message is too old; the last try is made just then. Not
            positive: it is too old but was not tried often enough, and goes on as usual.
        uniform: random source, ``uniform(low, high)``; injected for simulation.
    """
    wait_s = vary(nominal_wait_s(attempts, settings), settings, uniform)
    return min(wait_s, left_s) if left_s >= 1 else wait_s


def vary(wait_s: float, settings: RetrySettings, uniform: Uniform) -> float:
    """Return *wait_s* changed by chance, so that what failed together does not return together."""
    return wait_s * (1 + uniform(-settings.spread, settings.spread))


@lru_cache(maxsize=64)  # a pure function of three numbers, asked at every deferral
def _tries_within(span_s: float, first_s: float, factor: float, longest_s: float) -> int:
    tries, passed_s, wait_s = 1, 0.0, first_s
    while wait_s < longest_s and passed_s + wait_s <= span_s:
        passed_s, tries = passed_s + wait_s, tries + 1
        wait_s = wait_s * factor if factor > 1 else longest_s
    if passed_s + min(wait_s, longest_s) <= span_s:
        tries += int((span_s - passed_s) // min(wait_s, longest_s))
    return tries


def enough_attempts(give_up_s: float, settings: RetrySettings) -> int:
    """Return how many tries a message must have had before old age may end it (at least 2)."""
    tries = _tries_within(give_up_s, settings.first_s, settings.factor, settings.longest_s)
    return max(2, tries // 2)


def is_expired(attempts: int, age_s: float, give_up_s: float, settings: RetrySettings) -> bool:
    """Tell whether a message is to be returned after *attempts* tries at the age of *age_s*."""
    return age_s >= give_up_s and attempts >= enough_attempts(give_up_s, settings)
