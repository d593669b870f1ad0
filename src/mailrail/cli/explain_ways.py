"""Floor 5 · cli — what `mailrail explain` finds out: whom an address stands for, and where mail for each of them would go."""

import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, NoReturn

from mailrail.addresses import NotKnownNowError, Resolved
from mailrail.agents import AgentCourier, Identity
from mailrail.config import MailrailSettings
from mailrail.daemon.addressing import open_addresses
from mailrail.delivery import CallAhead, ClientContexts, SmtpCourier
from mailrail.directory import open_directory
from mailrail.model import (
    Address,
    LocalProtocolError,
    Recipient,
    SystemClock,
    system_rng,
)
from mailrail.net import SocketNetwork
from mailrail.observe import Bus
from mailrail.routing import Plan, Route, SettingsRouter, explain_plan, explain_route
from mailrail.spool import SystemDisk
from mailrail.tables import Doors, open_tables

MOST_SHOWN: Final = 20  # ways, and addresses in a line


@dataclass(frozen=True, slots=True)
class Try:
    """One address that would be tried."""

    host: str
    preference: int
    endpoint: str


@dataclass(frozen=True, slots=True)
class Way:
    """Where mail for some addresses would go.

    Attributes:
        addresses: for whom; in brackets what an alias named instead, and the sender if it is not that of the message.
        destination: the queue's key.
        route: which rule decides, in words.
        plan: which hosts would be tried, or what the agent would do, in words.
        tries: the hosts for programs; empty when it would wait or fail, or an agent takes it.
    """

    addresses: list[str]
    destination: str
    route: list[str]
    plan: list[str]
    tries: list[Try]


async def resolve(
    settings: MailrailSettings, router: SettingsRouter, recipient: Recipient, sender: Address | None
) -> tuple[Resolved, list[str]]:
    """Find out whom mail for *recipient* goes to, and say in lines as what *sender* is written and where a notice to him would go."""
    network, clock, rng, bus = SocketNetwork(settings.net), SystemClock(), system_rng(), Bus()
    tables = open_tables(settings.table, Doors(bus, network))
    directory = open_directory(settings.users, None, bus, rng, network, clock)
    courier = SmtpCourier(
        network,
        router,
        settings.delivery,
        settings.client,
        ClientContexts.load(
            {hop.tls_files for hop in (*settings.route, *settings.domain.values()) if hop.tls_files}
        ),
        hello_name=settings.hostname,
        clock=clock,
        bus=bus,
    )
    try:
        addresses, rewriter = open_addresses(settings, tables, directory, CallAhead(courier, bus), bus)
        answer = addresses.resolve(recipient)
        resolved = await answer if isinstance(answer, Awaitable) else answer
        notices: list[str] = []
        if sender is not None and rewriter is not None:
            try:
                written = rewriter.sender(sender)
                written = await written if isinstance(written, Awaitable) else written
            except NotKnownNowError as error:
                notices.append(f"what {sender.shown()} is written as cannot be known now: {error}")
            else:
                if written != sender:
                    notices.append(f"{sender.shown()} is written as {written.shown()}")
                sender = written
    finally:
        await tables.close()
        if directory is not None:
            await directory.close()
        network.close()
    return resolved, notices + (explain_route(router.route(sender)) if sender else [])


async def ways_of(
    settings: MailrailSettings,
    router: SettingsRouter,
    recipients: Iterable[Recipient],
    leaves_as: Callable[[Recipient], Address | None],
    sender: Address | None,
) -> list[Way]:
    """Return where mail for *recipients* would go: together where it goes to the same hosts.

    Args:
        leaves_as: with which reverse-path the mail for one leaves.
        sender: the reverse-path that it came with.
    """
    ways: dict[str, Way] = {}
    for recipient in recipients:
        route = router.route_of(recipient)
        shown = recipient.forward_path.shown()
        if recipient.target:
            shown += f" ({recipient.target})"
        path = recipient.returns_to if route.agent else leaves_as(recipient)
        if path is not None and path != sender:
            shown += f" (from {path.shown()})"
        if route.agent:
            words = explain_agent(settings, router, recipient)
            # Each has a mailbox of his own.
            ways[f"{route.destination} {shown}"] = Way(
                [shown], route.destination, explain_route(route), words, []
            )
        elif route.destination in ways:
            ways[route.destination].addresses.append(shown)
        else:
            plan = await router.plan(route)
            tries = _tries(plan) if isinstance(plan, Plan) else []
            ways[route.destination] = Way(
                [shown], route.destination, explain_route(route), explain_plan(plan), tries
            )
    return list(ways.values())


def explain_agent(settings: MailrailSettings, router: SettingsRouter, recipient: Recipient) -> list[str]:
    """Say in lines what the agent that *recipient* goes to would do, with the rights that the server has."""
    try:
        uid = settings.spool.path.stat().st_uid  # the server runs as the owner of its spool
    except OSError:
        uid = os.geteuid()
    agents = AgentCourier(
        router,
        settings.agent,
        _no_others,
        separators=settings.separators_of,
        hostname=settings.hostname,
        disk=SystemDisk(),
        clock=SystemClock(),
        identity=Identity(uid),
    )
    try:
        return agents.explain(recipient)
    finally:
        agents.close()


def _no_others(route: Route) -> NoReturn:
    raise LocalProtocolError(f"{route.destination} is only explained")


def _tries(plan: Plan) -> list[Try]:
    return [
        Try(host.name, host.preference, str(endpoint)) for host in plan.hosts for endpoint in host.endpoints
    ]
