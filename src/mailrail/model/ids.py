"""Floor 0 · model — queue ids: time-ordered, unique without asking anybody.

An id is a number below 2**63: microseconds since 2024 in the high 51 bits (good
until 2095), the node in the low 12. Within one process the microseconds only ever
rise, whatever the wall clock does, so no two messages share an id. It is written
with Postfix's long-id alphabet (no vowels, so no words), at a fixed width, and
therefore sorts as text in the order of time.
"""

from functools import lru_cache
from typing import Final, NewType

from mailrail.model.clock import Clock

QueueId = NewType("QueueId", str)

ALPHABET: Final = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
WIDTH: Final = 11  # 52**11 = 7.5e18 > the largest id made before 2082
NODE_BITS: Final = 12
EPOCH_US: Final = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z
_VALUES: Final = {letter: value for value, letter in enumerate(ALPHABET)}
_PAIRS: Final = tuple(high + low for high in ALPHABET for low in ALPHABET)
_PAIR_VALUES: Final = {pair: value for value, pair in enumerate(_PAIRS)}
_BASE2: Final = len(_PAIRS)
_BASE4: Final = _BASE2**2
_TAIL: Final = _BASE2**3  # six letters, which come round in five seconds: those in front are worked out once
_MIDDLE_VALUES: Final = {pair: value * _BASE2 for pair, value in _PAIR_VALUES.items()}
_FIRST_VALUES: Final = {pair: value * _BASE2 for pair, value in _MIDDLE_VALUES.items()}


def format_id(number: int) -> QueueId:
    """Write *number* (0 to 52**11 - 1) as a queue id."""
    # Two letters a step: an id is made for every message.
    tail, two = number % _TAIL, _PAIRS
    return QueueId(
        f"{_front(number // _TAIL)}{two[tail // _BASE4]}{two[tail // _BASE2 % _BASE2]}{two[tail % _BASE2]}"
    )


def parse_id(text: str) -> int:
    """Read a queue id back to its number.

    Raises:
        ValueError: the text is not a queue id.
    """
    try:
        # What is too long or too short ends in no pair.
        tail = _FIRST_VALUES[text[5:7]] + _MIDDLE_VALUES[text[7:9]] + _PAIR_VALUES[text[9:]]
        return _front_number(text[:5]) + tail
    except KeyError:
        if len(text) != WIDTH:
            raise ValueError(f"{text!r} is not a queue id: it has {len(text)} letters, not {WIDTH}") from None
        raise ValueError(f"{text!r} is not a queue id: it has a letter that is not in its alphabet") from None


@lru_cache(maxsize=64)
def _front(number: int) -> str:
    """Write the letters in front of the last six."""
    number, low = divmod(number, _BASE2)
    first, high = divmod(number, _BASE2)
    return ALPHABET[first] + _PAIRS[high] + _PAIRS[low]


@lru_cache(maxsize=64)
def _front_number(text: str) -> int:
    """Read the letters in front of the last six."""
    number = (_VALUES[text[0]] * _BASE2 + _PAIR_VALUES[text[1:3]]) * _BASE2 + _PAIR_VALUES[text[3:5]]
    return number * _TAIL


def id_time_us(queue_id: QueueId) -> int:
    """Return when the id was made, in microseconds since 1970 UTC."""
    return (parse_id(queue_id) >> NODE_BITS) + EPOCH_US


class QueueIds:
    """Makes the queue ids of one node.

    Args:
        clock: wall time.
        node: which node of a cluster this is, 0 to 4095.
        after: the highest id known to be used: a clock set back must not repeat it.
    """

    def __init__(self, clock: Clock, node: int = 0, after: QueueId | None = None) -> None:
        if not 0 <= node < 1 << NODE_BITS:
            raise ValueError(f"node {node} is not between 0 and {(1 << NODE_BITS) - 1}")
        self._clock = clock
        self._node = node
        self._last_us = parse_id(after) >> NODE_BITS if after is not None else 0

    def make(self) -> QueueId:
        """Return an id that this node never returned before."""
        return self.make_at(self._clock.now_us())

    def make_at(self, now_us: int) -> QueueId:
        """Return one for who has read the clock already, microseconds since 1970 UTC."""
        now_us -= EPOCH_US
        # A step back of the wall clock, or two messages in one microsecond.
        if now_us <= self._last_us:
            now_us = self._last_us + 1
        self._last_us = now_us
        return format_id(now_us << NODE_BITS | self._node)
