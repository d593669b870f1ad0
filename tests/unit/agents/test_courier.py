"""Carriers to agents, and what is theirs no more; agents that are always there, and those that are gone."""

from dataclasses import dataclass, field

import pytest
from tests.support.fake_resolver import FakeResolver
from tests.unit.agents.desk import UID, accounts, letter, mailbox, replies

from mailrail.agents import RESERVED, AgentCourier, AgentSettings, Identity
from mailrail.model import (
    Attempt,
    Blame,
    Deferred,
    Delivered,
    Item,
    Notify,
    Pending,
    Recipient,
    parse_address,
)
from mailrail.model import reply as say
from mailrail.routing import DomainRoute, Route, RouteSettings, RoutingRules, SettingsRouter
from mailrail.sim import Mount, SimClock, SimDisk, seeded, simulate
from mailrail.spool import Lease


@dataclass
class Hop:
    """A carrier to some host, which takes everything."""

    route: Route
    carried: list[str] = field(default_factory=list)

    async def carry(self, parcel: object, /) -> Attempt:
        assert hasattr(parcel, "lease")
        lease: Lease = parcel.lease
        recipients = lease.message.envelope.recipients
        self.carried += [recipients[one.index].forward_path.text for one in lease.item.pending]
        return Attempt((Delivered(say.DONE, "mx.example"),) * len(lease.item.pending), "mx.example")

    async def close(self) -> None:
        self.carried.append("closed")


@dataclass
class Parcel:
    lease: Lease
    content: object
    stepped_us: int = 0


@dataclass
class Site:
    """A courier with mailboxes on a simulated disk, and hosts that take the rest."""

    disk: Mount = field(default_factory=lambda: Mount(SimDisk(seeded())))
    hops: list[Hop] = field(default_factory=list)

    def courier(self) -> AgentCourier:
        domains = {
            "home.example": DomainRoute.model_validate({"deliver": "maildir"}),
            "old.example": DomainRoute.model_validate({"deliver": "discard"}),
        }
        routes = (RouteSettings.model_validate({"match": "*", "next_hop": "192.0.2.9"}),)
        router = SettingsRouter(RoutingRules(routes=routes, domains=domains), FakeResolver({}), seeded())
        box = AgentSettings.model_validate({"kind": "maildir", "path": "/mail/{local_part}"})
        return AgentCourier(
            router,
            {"maildir": box},
            self._hop,
            separators=lambda _: "+",
            hostname="mx.example",
            disk=self.disk,
            clock=SimClock(),
            identity=Identity(UID, accounts),
        )

    def _hop(self, route: Route) -> Hop:
        self.hops.append(Hop(route))
        return self.hops[-1]

    def carry(self, *recipients: str | Recipient, first: str = "bob@home.example") -> Attempt:
        """Carry one message by the lane of *first*'s agent."""

        async def main() -> Attempt:
            courier = self.courier()
            one = letter(*recipients)
            pending = tuple(map(Pending, one.indexes))
            route = courier.route(Recipient(parse_address(first)))
            lease = Lease(one.message, Item(one.message.queue_id, route.destination, pending), 1)
            try:
                carrier = courier.carrier_for(route)
                assert not carrier.is_open
                return await carrier.carry(Parcel(lease, one.content))  # type: ignore[arg-type]
            finally:
                courier.close()

        return simulate(main())


def test_who_goes_elsewhere_by_now_is_carried_there() -> None:
    site = Site()
    attempt = site.carry("bob@home.example", "far@elsewhere.example", "gone@old.example", "eve@home.example")
    assert replies(attempt.outcomes) == ["Delivered 250 2.0.0"] * 4
    assert [outcome.reply for outcome in attempt.outcomes][1:3] == [say.DONE, say.DISCARDED]
    assert site.hops[0].carried == ["far@elsewhere.example", "closed"]
    assert [len(mailbox(site.disk, f"/mail/{name}")) for name in ("bob", "eve")] == [1, 1]


def test_a_message_for_one_agent_is_delivered_there_under_its_name() -> None:
    site = Site()
    attempt = site.carry("bob@home.example", "eve@home.example")
    assert attempt.host == "maildir"
    assert site.hops == []


@pytest.mark.parametrize(
    ("target", "is_expanded", "is_final"), [("expanded", True, False), ("list", False, True)]
)
def test_an_address_that_others_stand_for_has_arrived(target: str, is_expanded: bool, is_final: bool) -> None:
    team = Recipient(parse_address("team@home.example"), Notify.SUCCESS, target=target)
    (outcome,) = Site().carry(team).outcomes
    assert isinstance(outcome, Delivered)
    assert (outcome.is_expanded, outcome.is_final) == (is_expanded, is_final)


def test_a_target_that_does_not_exist_fails_and_an_agent_that_is_gone_waits() -> None:
    nobody = Recipient(parse_address("team@home.example"), target="unknown")
    gone = Recipient(parse_address("team@home.example"), target="removed")
    failed, waits = Site().carry(nobody, gone).outcomes
    assert replies([failed]) == ["Failed 550 5.1.1"]
    assert isinstance(waits, Deferred)
    assert waits.blame is Blame.OURSELVES
    assert 'there is no agent "removed"' in waits.reply.text
    assert {"expanded", "list", "unknown"} == RESERVED
