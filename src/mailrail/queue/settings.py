"""Floor 4 · queue — what can be set: retries, concurrency, rates and how much is in memory.

A destination of its own may have its own limits:

    [queue.destination."example.org"]
    connections = 2
    rate = "10/min"
"""

import re
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from mailrail.settings import Duration, Settings, Size, setting

_PER: Final = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_RATE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(s|sec|min|m|h|d)\s*")


def parse_rate(value: object) -> object:
    """Turn `"10/min"` into messages per second; anything that is not text passes through.

    Raises:
        ValueError: the text is not a number, a slash and one of s, min, h, d.
    """
    if not isinstance(value, str):
        return value
    found = _RATE.fullmatch(value)
    if found is None:
        raise ValueError(f"{value!r} is not a rate: write it like 5/s, 10/min, 100/h or 1000/d")
    return float(found[1]) / _PER[found[2]]


Rate = Annotated[float, BeforeValidator(parse_rate)]


class RetrySettings(Settings):
    """When to try again, and when to give up."""

    first_s: Duration = setting(300, "Wait after the first failed try.", unit="s", source="Postfix", gt=0)
    factor: float = setting(2.0, "Each further wait is this many times longer.", ge=1.0, le=10.0)
    longest_s: Duration = setting(14_400, "No wait is longer.", unit="s", source="RFC 5321 §4.5.4.1", gt=0)
    spread: float = setting(
        0.1, "Random share by which a wait varies, so that mail never comes in step.", ge=0, le=0.5
    )
    give_up_s: Duration = setting(
        432_000, "A message older than this is returned to its sender.",
        unit="s", source="RFC 5321 §4.5.4.1: 4-5 days", gt=0,
    )  # fmt: skip
    give_up_notice_s: Duration = setting(
        172_800, "The same for a message without a sender, such as a notice.", unit="s", gt=0
    )
    warn_s: Duration = setting(
        14_400, "Tell the sender when mail is this late; 0: never.", unit="s", source="RFC 3461 §4.1", ge=0
    )
    ours_s: Duration = setting(
        300, "Wait after trouble of our own (disk, resolver, login); it never counts as a try.",
        unit="s", gt=0,
    )  # fmt: skip

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.first_s <= self.longest_s < min(self.give_up_s, self.give_up_notice_s):
            raise ValueError("need first_s <= longest_s < give_up_s and give_up_notice_s")
        return self


class WindowSettings(Settings):
    """How many connections a destination gets, and how long it rests when it is dead."""

    start: int = setting(
        5, "Connections to a destination we know nothing of.", source="Postfix", ge=1, le=1000
    )
    most: int = setting(
        20, "At most this many connections to one destination.", source="Postfix", ge=1, le=1000
    )
    cohorts: float = setting(
        1.0, "A destination is dead after this many windows full of failures in a row.", gt=0, le=100
    )
    sleep_first_s: Duration = setting(60, "First rest of a dead destination.", unit="s", gt=0)
    sleep_longest_s: Duration = setting(1800, "Longest rest of a dead destination.", unit="s", gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start > self.most:
            raise ValueError("need start <= most")
        if self.sleep_first_s > self.sleep_longest_s:
            raise ValueError("need sleep_first_s <= sleep_longest_s")
        return self


class DestinationSettings(Settings):
    """Limits of one destination; what is not given is as for all."""

    connections: int | None = setting(None, "At most this many connections.", ge=1, le=1000)
    rate: Rate | None = setting(None, 'At most this many messages, like "10/min".', unit="messages/s", gt=0)


class QueueSettings(Settings):
    """The queue: `[queue]`."""

    retry: RetrySettings = Field(default_factory=RetrySettings, description="When to try again.")
    window: WindowSettings = Field(default_factory=WindowSettings, description="Connections per destination.")
    rate: Rate = setting(
        0.0, "Messages per second to any one destination; 0: no limit.", unit="messages/s", ge=0
    )
    destination: dict[str, DestinationSettings] = Field(
        default_factory=dict, description="Limits of single destinations, by domain or host."
    )
    active_items: int = setting(
        10_000, "At most this many items in memory; the rest waits in the spool.",
        unit="items", source="Postfix: 20,000", ge=20, le=1_000_000,
    )  # fmt: skip
    active_bytes: Size = setting(
        64 * 1024**2, "At most this much content in memory.", unit="bytes", ge=1024**2
    )
    idle_s: Duration = setting(
        5,
        "Keep a connection open this long for the next message.",
        unit="s",
        source="Postfix: 2 s",
        ge=0,
        le=300,
    )
    poll_s: Duration = setting(
        1, "Look into the spool at most this often when nothing happens.", unit="s", gt=0, le=60
    )

    def limits(self, destination: str) -> tuple[int, float]:
        """Return (most connections, messages per second or 0) of the *destination* with this key."""
        own = self.destination and self._own(destination)
        if not own:
            return self.window.most, self.rate
        return (
            own.connections or self.window.most,
            self.rate if own.rate is None else own.rate,
        )

    def _own(self, destination: str) -> DestinationSettings | None:
        """Find the table of "mx:DOMAIN" by DOMAIN, of "host:HOST:PORT;..." by HOST:PORT or HOST."""
        site = destination.partition(":")[2].partition(";")[0]
        for name in (destination, site, site.rpartition(":")[0]):
            if name in self.destination:
                return self.destination[name]
        return None
