"""What is told of a try, by the short way and by the long one."""

from dataclasses import replace

from tests.unit.queue.mail import OK, lease, message

from mailrail.model import Attempt, Origin
from mailrail.observe import Bus, Event
from mailrail.queue import RecipientDelivered
from mailrail.queue.decide import Decision
from mailrail.queue.tell import tell, tell_delivered


def test_a_delivery_is_told_alike_by_both_ways() -> None:
    heard: list[Event] = []
    bus = Bus()
    bus.listen(heard.append)
    of = lease(replace(message(recipients=2), origin=Origin(session_id="S1")), attempts=2)
    attempt = Attempt((OK, replace(OK, host="")), "mx2.example.org", "192.0.2.1:25", "TLSv1.3")
    tell_delivered(bus, of, attempt, 1.5)
    short, heard[:] = list(heard), []
    tell(bus, of, attempt, Decision(None, tuple(enumerate(attempt.outcomes))), 1.5, suspended=False)
    assert short == heard
    assert heard[1] == RecipientDelivered(
        queue_id=of.item.queue_id,
        session="S1",
        recipient="rcpt1@example.org",
        destination="mx:example.org",
        relay="mx2.example.org",
        remote="192.0.2.1:25",
        tls="TLSv1.3",
        delay_s=1.5,
        attempts=3,
        reply="250 2.0.0 Queued",
    )
