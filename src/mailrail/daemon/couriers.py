"""Floor 5 · daemon — who carries: the network or an agent on this machine, as the route says. The queue's Courier."""

from mailrail.agents import AgentCarrier, AgentCourier
from mailrail.delivery import SmtpCarrier, SmtpCourier
from mailrail.routing import Router
from mailrail.spool import Lease


class Couriers:
    """Makes lanes of either kind."""

    def __init__(self, router: Router, smtp: SmtpCourier, agents: AgentCourier) -> None:
        self._router = router
        self._smtp = smtp
        self._agents = agents

    def carrier(self, destination: str, lease: Lease) -> SmtpCarrier | AgentCarrier:
        """Return a new lane to *destination*, whose route is that of *lease*'s first pending recipient.

        When the settings have changed since the mail was queued, *destination* is only a name: today's routes count.
        """
        recipients = lease.message.envelope.recipients
        route = self._router.route_of(recipients[lease.item.pending[0].index])
        return self._agents.carrier_for(route) if route.agent else self._smtp.carrier(destination, lease)
