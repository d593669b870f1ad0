"""Bounds made of a node's settings: exceeded or not, by what strangers count."""

from tests.unit.sim.strangers.parlour import Notes, place

from mailrail.sim import simulate
from mailrail.sim.guards import WINDOW_S, guard_stranger
from mailrail.sim.ledger import Ledger
from mailrail.sim.strangers import Stranger

NODE = "192.0.2.1"


def test_connections_and_rates_are_held_against_the_settings_of_each_destination() -> None:
    async def main() -> None:
        ledger, stranger, now_s = Ledger(), Stranger(place(Notes())), [0.0]
        guard_stranger(ledger, stranger, "mx", (NODE,), [(2, 0.01), (3, 0.01)], lambda: now_s[0])
        stranger.tally.most_by_client = {NODE: 5, "198.51.100.9": 50}
        stranger.tally.messages = {NODE: 0}
        ledger.look()
        stranger.tally.messages[NODE] = 14
        now_s[0] = WINDOW_S
        ledger.look()
        assert ledger.violations == []
        stranger.tally.messages[NODE] = 30
        stranger.tally.most_by_client[NODE] = 6
        now_s[0] = WINDOW_S + 60
        ledger.look()
        assert [one.words for one in ledger.violations] == [
            "connections of mx at mx.b.example: 6, allowed are 5",
            "messages of mx to mx.b.example in 600 s: 16, allowed are 14",
        ]

    simulate(main())


def test_a_destination_without_a_rate_may_get_any_number() -> None:
    async def main() -> None:
        ledger, stranger = Ledger(), Stranger(place(Notes()))
        guard_stranger(ledger, stranger, "mx", (NODE,), [(2, 0.0)], lambda: 0.0)
        stranger.tally.messages[NODE] = 10**6
        ledger.look()
        assert ledger.violations == []

    simulate(main())
