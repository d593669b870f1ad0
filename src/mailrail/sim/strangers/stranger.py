"""Floor 5 · sim — a mail server that is not mailrail: a well-behaved MX, and the base of all that are not.

It reads SMTP by itself (`visit.py`), for a fault that both sides of a wire share would not show. Each way to
misbehave is a subclass that overrides the steps it does differently; a step gets the visit and returns an Answer.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from mailrail.net import Connection, Endpoint, Listener, Network
from mailrail.sim.posting import NOBODY
from mailrail.sim.strangers.answer import Answer, Then, several_lines
from mailrail.sim.strangers.letter import Letter
from mailrail.sim.strangers.visit import Visit
from mailrail.sim.strangers.witness import Handover, Place


@dataclass(slots=True)
class Tally:
    """What a stranger counted.

    Attributes:
        connections: that ever came.
        at_once: open now.
        most_by_client: for each client, the most connections it ever had open at once.
        messages: for each client, how many it gave.
        taken: messages kept.
    """

    connections: int = 0
    at_once: int = 0
    taken: int = 0
    by_client: dict[str, int] = field(default_factory=dict)
    most_by_client: dict[str, int] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)


class Stranger:
    """A well-behaved MX that takes everything, but for mailboxes whose name begins with `nobody`.

    Attributes:
        greetings: verbs that begin a session.
    """

    greetings: ClassVar[frozenset[str]] = frozenset({"EHLO", "HELO"})

    def __init__(self, place: Place) -> None:
        self.place = place
        self.tally = Tally()
        offer = place.offer if place.tls is None else (*place.offer, "STARTTLS")
        self.offered = frozenset(line.partition(" ")[0].upper() for line in offer)
        self._offer = offer

    def listen(self, network: Network, endpoint: Endpoint) -> Listener:
        """Take connections at *endpoint*."""
        return network.listen(endpoint, self.accept)

    def accept(self, connection: Connection) -> None:
        """Take one connection."""
        Visit(self, connection).begin()

    # --- coming and going

    def arrived(self, visit: Visit) -> None:
        """Count a visit in."""
        tally, client = self.tally, visit.client
        tally.connections += 1
        tally.at_once += 1
        now = tally.by_client[client] = tally.by_client.get(client, 0) + 1
        tally.most_by_client[client] = max(tally.most_by_client.get(client, 0), now)

    def left(self, visit: Visit) -> None:
        """Count a visit out."""
        self.tally.at_once -= 1
        self.tally.by_client[visit.client] -= 1

    # --- the steps

    def greet(self, visit: Visit) -> Answer:
        """Say the first word."""
        return Answer(f"220 {self.place.name} ESMTP")

    def hello(self, visit: Visit, *, is_extended: bool) -> Answer:
        """Answer EHLO or HELO."""
        if not is_extended:
            return Answer(f"250 {self.place.name}")
        offer = self._offer
        if visit.is_tls:
            offer = tuple(line for line in offer if line != "STARTTLS")
        return Answer(several_lines(250, self.place.name, *offer))

    def starttls(self, visit: Visit) -> Answer:
        """Answer STARTTLS, which is only asked where it was offered."""
        return Answer("220 2.0.0 Go ahead", Then.TLS)

    def mail(self, visit: Visit, letter: Letter) -> Answer:
        """Answer MAIL."""
        return Answer("250 2.1.0 Sender ok")

    def rcpt(self, visit: Visit, letter: Letter, path: str, wishes: str) -> Answer:
        """Answer RCPT for *path*, not yet among the letter's recipients; *wishes* are its parameters."""
        if path.startswith(NOBODY):
            return Answer("550 5.1.1 No such user")
        return Answer("250 2.1.5 Recipient ok")

    def data(self, visit: Visit, letter: Letter) -> Answer:
        """Answer DATA."""
        return Answer("354 Go ahead")

    def end(self, visit: Visit, letter: Letter) -> Answer:
        """Answer the end of the content."""
        self.keep(visit, letter)
        return Answer("250 2.0.0 Kept")

    def noise(self, visit: Visit, data: bytes) -> Answer:
        """Answer bytes that are no SMTP, after `Then.NOISE`."""
        return Answer("", Then.CLOSE)

    # --- for the steps

    def keep(self, visit: Visit, letter: Letter) -> Handover:
        """Take responsibility for *letter*, and tell the witness."""
        self.tally.taken += 1
        self.tally.messages[visit.client] = self.tally.messages.get(visit.client, 0) + 1
        letter.handover = Handover(
            visit.now_s, self.place.name, visit.client, letter.reverse_path, tuple(letter.recipients)
        )
        self.place.witness.took(letter.handover, letter.content)
        return letter.handover

    def happens(self, share: float) -> bool:
        """Draw whether something that happens in *share* of all cases happens now."""
        return share > 0 and self.place.rng.random() < share
