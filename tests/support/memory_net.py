"""One simulated machine that owns every address: hand the same one to everybody who shall meet.

Nothing is drawn and nothing takes time: everything is delivered by the loop in the order of writing. The
knobs of the simulated Internet spoil a path; `heal` mends it.
"""

from mailrail.net import Endpoint
from mailrail.sim import Internet, Machine


class MemoryNetwork(Machine):
    """A world of one machine, with the knobs of its Internet."""

    def __init__(self) -> None:
        self.internet = Internet()
        super().__init__(self.internet, "everybody", ())

    def refuse(self, endpoint: Endpoint) -> None:
        self.internet.refuse(endpoint)

    def black_hole(self, endpoint: Endpoint) -> None:
        self.internet.black_hole(endpoint)

    def delay(self, endpoint: Endpoint, seconds: float) -> None:
        self.internet.delay(endpoint, seconds)

    def drop_after(self, endpoint: Endpoint, count: int) -> None:
        self.internet.drop_after(endpoint, count)

    def heal(self, endpoint: Endpoint) -> None:
        self.internet.heal(endpoint)
