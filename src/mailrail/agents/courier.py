"""Floor 4 · agents — makes carriers, and holds the agents and what they share."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, assert_never

from mailrail.agents import classify
from mailrail.agents.accounts import Account
from mailrail.agents.api import Agent, Letter
from mailrail.agents.carrier import AgentCarrier, OtherCarrier
from mailrail.agents.files import FileAgent
from mailrail.agents.function import FunctionAgent
from mailrail.agents.helpers import Helpers, RemoteScribe
from mailrail.agents.http import HttpAgent, read_key, tls_for
from mailrail.agents.identity import Identity
from mailrail.agents.pipe import PipeAgent
from mailrail.agents.scribe import LocalScribe, Scribe
from mailrail.agents.settings import AgentSettings, Kind, all_agents
from mailrail.agents.simple import EXPANDED, LIST, Discard, Refuse
from mailrail.agents.threads import LooseThreads, Threads
from mailrail.agents.tools import Tools
from mailrail.model import Clock, Outcome, Recipient
from mailrail.model import reply as say
from mailrail.routing import Route, Router
from mailrail.spool import Disk
from mailrail.tables import find_function

_STANDS: Final[dict[str, Agent]] = {
    "expanded": EXPANDED,
    "list": LIST,
    "unknown": Refuse(say.NO_SUCH_MAILBOX),  # one of an alias's targets that does not exist
}
RESERVED: Final = frozenset(_STANDS)  # names that no agent of the settings may have


_REMEMBERED: Final = 10_000  # accounts that mailboxes were written as


class AgentCourier:
    """Makes carriers to agents, for `daemon/couriers.py`. Make it anywhere, use it in one loop.

    Args:
        router: says where a recipient goes.
        settings: the tables `[agent.NAME]`.
        others: makes carriers for routes that lead to a next hop.
        separators: those of sub-addresses in a domain.
        hostname: ours, for names of files.
    """

    def __init__(
        self,
        router: Router,
        settings: Mapping[str, AgentSettings],
        others: Callable[[Route], OtherCarrier],
        *,
        separators: Callable[[str], str],
        hostname: str,
        disk: Disk,
        clock: Clock,
        identity: Identity,
    ) -> None:
        self._router = router
        self._others = others
        self._identity = identity
        self._threads = Threads()
        self._own = LocalScribe(self._threads, disk)
        self._helpers = Helpers()
        self._scribes: dict[Account, RemoteScribe] = {}
        tools = Tools(
            self._threads, clock, identity, hostname, separators, self._scribe, began_us=clock.now_us()
        )
        self._agents = dict(_STANDS)
        for name, own in all_agents(settings).items():
            self._agents[name] = make_agent(own, tools)

    def carrier_for(self, route: Route) -> AgentCarrier:
        """Return a new carrier for *route*, which leads to an agent."""
        return AgentCarrier(self, route)

    def explain(self, recipient: Recipient) -> list[str]:
        """Say in lines what the agent that *recipient* goes to would do; blocks."""
        return self.agent(self.route(recipient).agent).explain(recipient)

    def close(self) -> None:
        """Deliver nothing more."""
        for agent in self._agents.values():
            agent.close()
        self._helpers.close()
        self._threads.close()

    # --- For the carriers ---------------------------------------------------------------

    def route(self, recipient: Recipient) -> Route:
        """Return where *recipient* goes by the settings."""
        return self._router.route_of(recipient)

    def agent(self, name: str) -> Agent:
        """Return the agent *name*, or one that has everything wait."""
        return self._agents.get(name) or Missing(name)

    def other(self, route: Route) -> OtherCarrier:
        """Return a carrier for *route*."""
        return self.carrier_for(route) if route.agent else self._others(route)

    def _scribe(self, account: Account) -> Scribe:
        if account.uid == self._identity.uid:
            return self._own
        if account not in self._scribes:
            if len(self._scribes) >= _REMEMBERED:
                self._scribes.clear()
            self._scribes[account] = RemoteScribe(self._threads, account, self._helpers)
        return self._scribes[account]


class Missing:
    """Stands for an agent that the settings do not name any more."""

    def __init__(self, name: str) -> None:
        self._outcome = classify.unusable(f'there is no agent "{name}"')

    async def deliver(self, letter: Letter) -> list[Outcome]:
        """Have it wait."""
        return [self._outcome] * len(letter.indexes)

    def explain(self, recipient: Recipient) -> list[str]:
        """Say so."""
        return [f"would wait: {self._outcome.reply}"]

    def close(self) -> None:
        """Hold nothing."""


def make_agent(settings: AgentSettings, tools: Tools) -> Agent:
    """Make the agent that *settings* describe; one that may take minutes has threads of its own, so that it holds up no other.

    Raises:
        SettingsError: a file or function that they name cannot be used.
    """
    match settings.kind:
        case Kind.MAILDIR | Kind.MBOX:
            return FileAgent(settings, tools)
        case Kind.DISCARD:
            return Discard()
        case Kind.ERROR:
            return Refuse(settings.answer)
        case Kind.PIPE:
            return PipeAgent(settings, replace(tools, threads=Threads()))
        case Kind.HTTP:
            return HttpAgent(settings, replace(tools, threads=Threads()))
        case Kind.FUNCTION:
            return FunctionAgent(settings, replace(tools, threads=Threads(LooseThreads())))
        case _:
            assert_never(settings.kind)


def check_agent(settings: AgentSettings) -> None:
    """Read the files and find the function that *settings* name, as the daemon will; blocks.

    Raises:
        SettingsError: one of them cannot be used.
    """
    if settings.kind is Kind.FUNCTION:
        find_function(settings.function)
    elif settings.kind is Kind.HTTP:
        read_key(settings)
        tls_for(settings)
