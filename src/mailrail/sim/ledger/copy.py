"""Floor 5 · sim — one copy of a message and all that became of it.

The word "copy" is taken narrowly: what one run of a client to the final dot brought. mailrail owes an end for each
copy that it answered with 250, none for one that it refused, and for one whose answer was lost it may have either.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from mailrail.sim.posting import Posting, Wanted
from mailrail.sim.strangers import Handover


class Answered(Enum):
    """What the client heard to the final dot."""

    NOT_YET = "not yet"
    TAKEN = "taken"
    REFUSED = "refused"
    LOST = "lost"  # the connection broke: it may or may not have been taken


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken.

    Attributes:
        at_s: seconds since the simulation began.
        key: the copy it is about, "" if none.
        rule: a short name, to be counted by.
        words: what happened.
        history: what became of the copy, a line each.
    """

    at_s: float
    key: str
    rule: str
    words: str
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Meant:
    """Somebody for whom an address that a client wrote to stands.

    Attributes:
        wanted: he, and what is to be told of him.
        sender: reverse-path with which the mail reaches him; "": that of the message.
        told: who hears of trouble with him; "": the sender of the message.
        is_answered: only a notice is left of the address itself.
        leads_back: the reverse-path is another, which leads back to that one: it is signed (SRS, BATV).
    """

    wanted: Wanted
    sender: str = ""
    told: str = ""
    is_answered: bool = False
    leads_back: bool = False


def as_written(wanted: Wanted) -> Iterable[Meant]:
    """Return that an address stands for itself."""
    return (Meant(wanted),)


@dataclass(slots=True)
class Fortune:
    """What became of one recipient of one copy.

    Attributes:
        handovers: to strangers, with the queue id that the last mailrail gave it.
        bounces: Message-IDs of the notices of failure that arrived, each with the queue id that it is about.
        successes: Message-IDs of notices of success.
        end: "failed" or "expired", as a node said; "" while none did.
        trouble: the last reply that was not a delivery.
        attempts: the most tries that a node counted.
        deferrals: how often it was put off.
        waited_s: from the client's 250 to the first handover.
        is_gone: a node gave it to whoever keeps nothing.
        sender, told, leads_back: see `Meant`.
    """

    wanted: Wanted
    handovers: list[tuple[Handover, str]] = field(default_factory=list)
    bounces: dict[str, str] = field(default_factory=dict)
    successes: set[str] = field(default_factory=set)
    end: str = ""
    trouble: str = ""
    attempts: int = 0
    deferrals: int = 0
    waited_s: float | None = None
    is_gone: bool = False
    sender: str = ""
    told: str = ""
    leads_back: bool = False

    @classmethod
    def of(cls, meant: Meant) -> "Fortune":
        """Return that of *meant*, to whom nothing has happened yet."""
        return cls(
            meant.wanted,
            is_gone=meant.is_answered,
            sender=meant.sender,
            told=meant.told,
            leads_back=meant.leads_back,
        )

    @property
    def is_over(self) -> bool:
        """Tell whether it was delivered or bounced."""
        return bool(self.handovers or self.bounces or self.is_gone)


@dataclass(slots=True)
class Copy:
    """One copy.

    Attributes:
        node: who was asked to take it.
        at_s: when it was offered.
        fortunes: by forward-path, for the recipients that were granted.
        past: time and words of what happened.
        dead_notices: notices about it that could themselves not be delivered.
    """

    key: str
    posting: Posting
    trial: int
    node: str
    at_s: float
    fortunes: dict[str, Fortune]
    answered: Answered = Answered.NOT_YET
    answered_s: float = 0.0
    dead_notices: int = 0
    past: list[tuple[float, str]] = field(default_factory=list)

    def note(self, at_s: float, words: str) -> None:
        """Write down what happened."""
        self.past.append((at_s, words))

    def history(self) -> tuple[str, ...]:
        """Return what happened, a line each."""
        return tuple(f"{clock_words(at_s)} {words}" for at_s, words in self.past)


def clock_words(at_s: float) -> str:
    """Write simulated time as `day 2 03:04:05.678`."""
    whole, part = divmod(round(at_s * 1000), 1000)
    days, rest = divmod(whole, 86_400)
    return f"day {days} {rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}.{part:03}"
