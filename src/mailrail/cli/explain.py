"""Floor 5 · cli — `mailrail explain`: what would happen to mail for an address, and why.

The same objects decide here as in the daemon, made from the same settings, so the answer is not a guess.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

import click

from mailrail.agents import AgentCourier, Identity
from mailrail.cli.options import config_option, settings_of
from mailrail.cli.progress import progress
from mailrail.cli.user import spelled
from mailrail.config import MailrailSettings
from mailrail.directory import User, read_file
from mailrail.dns import DnsResolver
from mailrail.model import (
    Address,
    AddressError,
    LocalProtocolError,
    Recipient,
    SystemClock,
    parse_address,
    system_rng,
)
from mailrail.net import SocketNetwork, is_own_address
from mailrail.policy import Buckets, Members, PriorityRight, Quotas, RelayRules
from mailrail.routing import Plan, Route, RoutingRules, SettingsRouter, explain_plan, explain_route
from mailrail.spool import SystemDisk


@dataclass(frozen=True, slots=True)
class Try:
    """One address that would be tried."""

    host: str
    preference: int
    endpoint: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer, for people (the lines) and for programs.

    Attributes:
        is_taken: the server would take the recipient from this client.
        policy: why, in words.
        destination: the queue's key of where it would go.
        route: which rule decides, in words.
        plan: which hosts would be tried, in words.
        tries: the same for programs; empty when it would wait or fail.
        submission: as whom and how much the user may send, in words; empty without a user.
        notices: where a notice to the sender would go, in words; empty without a sender.
    """

    recipient: str
    is_taken: bool
    policy: list[str]
    destination: str
    route: list[str]
    plan: list[str]
    tries: list[Try]
    submission: list[str]
    notices: list[str]


@click.command()
@click.argument("recipient", metavar="RECIPIENT")
@click.option(
    "--from",
    "sender",
    metavar="ADDRESS",
    default="",
    help="Sender: says where its notices would go, and whether --user may send as it.",
)
@click.option("--ip", metavar="IP", default="", help="Client that brings the mail; default: a stranger.")
@click.option(
    "--user", metavar="NAME", default="", help="Login of that client: says as whom and how much it may send."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@config_option
def explain(recipient: str, sender: str, ip: str, user: str, as_json: bool, config: Path) -> None:
    """Say what would happen to mail for RECIPIENT: whether it is taken, by which route and to which hosts it goes,
    with how much TLS, and which rule says so. The DNS is asked; nothing is sent.

    \b
    Examples:
      mailrail explain bob@example.org
      mailrail explain bob@example.org --ip 192.0.2.7
      mailrail explain bob@example.org --from alice@example.com --json
      mailrail explain bob@example.org --from alice@example.com --user alice@example.com
    """
    _check_ip(ip)
    user = spelled(user) if user else ""
    settings = settings_of(config)
    to, reverse_path = _address(recipient), _address(sender) if sender not in ("", "<>") else None
    found = asyncio.run(_explain(settings, to, reverse_path, ip, user))
    if as_json:
        click.echo(json.dumps(asdict(found), ensure_ascii=False))
        return
    for line in _lines(found):
        click.echo(line)


def _check_ip(text: str) -> None:
    try:
        ip_address(text or "::")
    except ValueError:
        raise click.UsageError(f"--ip {text}: write an IP address, like 192.0.2.7 or 2001:db8::7") from None


def _address(text: str) -> Address:
    try:
        return parse_address(text.removeprefix("<").removesuffix(">"))
    except AddressError as error:
        raise click.UsageError(str(error)) from None


async def _explain(
    settings: MailrailSettings, recipient: Address, sender: Address | None, client: str, user: str
) -> Explanation:
    rules = RelayRules(settings.relay.networks, tuple(settings.domain))
    rng = system_rng()
    router = SettingsRouter(
        RoutingRules(settings.routing, settings.route, settings.domain),
        DnsResolver(SocketNetwork(settings.net), settings.dns, rng),
        rng,
        own_names=(settings.hostname,),
        own_endpoints=tuple(listener.endpoint for listener in settings.listener),
        is_own_address=is_own_address,
    )
    route = router.route(recipient)
    tries: list[Try] = []
    if route.agent:
        plan = explain_agent(settings, router, Recipient(recipient))
    else:
        with progress("Asking the DNS"):
            found = await router.plan(route)
        plan = explain_plan(found)
        tries = _tries(found) if isinstance(found, Plan) else []
    verdict = rules.decide(recipient, may_relay=rules.may_relay(client, user))
    may_submit, submission = _submission(settings, user, sender) if user else (True, [])
    return Explanation(
        recipient=recipient.shown(),
        is_taken=verdict.refusal is None and may_submit,
        policy=[
            *rules.explain(recipient, client, user),
            *_priorities(settings, user, may_relay=rules.may_relay(client, user)),
        ],
        destination=route.destination,
        route=explain_route(route),
        plan=plan,
        tries=tries,
        submission=submission,
        notices=explain_route(router.route(sender)) if sender else [],
    )


def _priorities(settings: MailrailSettings, user: str, *, may_relay: bool) -> Iterator[str]:
    """Say where the client may have its mail go before that of others, among the listeners that ask."""
    for listener in settings.listener:
        if listener.mt_priority is not PriorityRight.NONE:
            most = 9 if listener.mt_priority.may_raise(user, may_relay=may_relay) else 0
            yield f"at {listener.address} it may have a priority from -9 to {most} (MT-PRIORITY)"


def _submission(settings: MailrailSettings, name: str, sender: Address | None) -> tuple[bool, list[str]]:
    """Tell whether *name* may send as *sender*, and say in words what else it may."""
    file = settings.users.file
    found = read_file(file).get(name) if file is not None else User(name)
    if found is None:
        return False, [f"there is no user {name} in {file}"]
    if found.is_disabled:
        return False, [f"{name} is disabled and cannot log in"]
    lines = [] if file is not None else ["told by the settings and the name alone: no file holds its record"]
    quotas = Quotas(settings.quota, Buckets(SystemClock()))  # as if nothing had been sent yet
    member = Members(settings.submission, quotas, tuple(settings.domain)).member(found)
    refusal = member.judge_mail(sender)
    if sender is not None:
        answer = "taken" if refusal is None else f"refused with {refusal}"
        lines.append(f"mail from {sender.shown()} is {answer}")
    return refusal is None, lines + member.explain()


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


def _lines(found: Explanation) -> Iterator[str]:
    yield found.recipient
    yield f"  {'taken' if found.is_taken else 'refused'}, because:"
    yield from (f"    {line}" for line in (*found.policy, *found.submission))
    yield "  it would go out:" if found.is_taken else "  were it taken, it would go out:"
    yield from (f"    {line}" for line in (*found.route, *found.plan))
    if found.notices:
        yield "  a notice to the sender would go:"
        yield from (f"    {line}" for line in found.notices)
