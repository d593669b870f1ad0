"""Who hears what."""

from typing import ClassVar

from mailrail.observe import Bus, Event, Level


class Whisper(Event, frozen=True, kw_only=True):
    """Quiet."""

    level: ClassVar[Level] = Level.DEBUG


class Shout(Event, frozen=True, kw_only=True):
    """Loud."""

    level: ClassVar[Level] = Level.ERROR


def test_a_listener_may_be_tuned_and_the_others_hear_what_they_did() -> None:
    bus, tuned, other = Bus(), list[Event](), list[Event]()
    take, keep = tuned.append, other.append
    bus.listen(take, level=Level.INFO)
    bus.listen(keep, (Whisper,), level=Level.INFO)
    assert not bus.wants(Whisper)
    bus.tune(take, Level.DEBUG)
    bus.emit(Whisper())
    bus.tune(take, Level.ERROR)
    bus.emit(Whisper())
    bus.emit(Shout())
    assert [type(event) for event in tuned] == [Whisper, Shout]
    assert other == []
