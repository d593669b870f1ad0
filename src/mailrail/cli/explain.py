"""Floor 5 · cli — `mailrail explain`: what would happen to mail for an address, and why.

The same objects decide here as in the daemon, made from the same settings, so the answer is not a guess.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import click

from mailrail.addresses import Refusal, Returned, Step, is_signed
from mailrail.cli.explain_ways import MOST_SHOWN, Way, resolve, ways_of
from mailrail.cli.options import config_option, settings_of
from mailrail.cli.progress import progress
from mailrail.cli.srs import return_paths
from mailrail.cli.user import spelled
from mailrail.config import MailrailSettings
from mailrail.directory import DirectoryError, User, open_directory
from mailrail.dns import DnsResolver
from mailrail.model import (
    Address,
    AddressError,
    Envelope,
    Message,
    Origin,
    QueueId,
    Recipient,
    Reply,
    SystemClock,
    parse_address,
    system_rng,
)
from mailrail.net import SocketNetwork, is_own_address
from mailrail.observe import Bus
from mailrail.pickup import Access, Senders
from mailrail.policy import Buckets, Members, PriorityRight, Quotas, RelayRules
from mailrail.routing import RoutingRules, SettingsRouter


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer, for people (the lines) and for programs.

    Attributes:
        is_taken: the server would take the recipient from this client.
        policy: why, in words.
        steps: whom the address stands for, and which rules say so; empty where it only is itself.
        refusal: why the address is none, or cannot be resolved, in words; "" otherwise.
        goes_to: where the mail would go.
        submission: as whom and how much the user may send, in words; empty without a user.
        notices: as what the sender is written, and where a notice to him would go, in words; empty without a sender.
    """

    recipient: str
    is_taken: bool
    policy: list[str]
    steps: list[Step]
    refusal: str
    goes_to: list[Way]
    submission: list[str]
    notices: list[str]


@click.command()
@click.argument("recipient", metavar="RECIPIENT")
@click.option(
    "--from",
    "sender",
    metavar="ADDRESS",
    default="",
    help="Sender, <> for a notice: says where its notices would go, and whether --user may send as it.",
)
@click.option("--ip", metavar="IP", default="", help="Client that brings the mail; default: a stranger.")
@click.option(
    "--user", metavar="NAME", default="", help="Login of that client: says as whom and how much it may send."
)
@click.option("--local", "is_local", is_flag=True, help="A program of this machine hands it in, by sendmail.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@config_option
def explain(
    recipient: str, sender: str, ip: str, user: str, is_local: bool, as_json: bool, config: Path
) -> None:
    """Say what would happen to mail for RECIPIENT: whether it is taken, by which route and to which hosts it goes,
    with how much TLS, for whom the address stands, and which rule says so. The DNS is asked, and the next hop
    where its domain says `verify`; nothing is sent.

    \b
    Examples:
      mailrail explain bob@example.org
      mailrail explain bob@example.org --ip 192.0.2.7
      mailrail explain bob@example.org --local
      mailrail explain bob@example.org --from alice@example.com --json
      mailrail explain bob@example.org --from alice@example.com --user alice@example.com
    """
    _check_ip(ip)
    user = spelled(user) if user else ""
    settings = settings_of(config)
    to, reverse_path = _address(recipient), _address(sender) if sender not in ("", "<>") else None
    found = asyncio.run(
        _explain(settings, to, reverse_path, ip, user, is_notice=sender == "<>", is_local=is_local)
    )
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
    settings: MailrailSettings,
    recipient: Address,
    sender: Address | None,
    client: str,
    user: str,
    *,
    is_notice: bool,
    is_local: bool,
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
    may_relay = is_local or rules.may_relay(client, user)
    signed, whose = return_paths(settings)
    is_notice = is_notice or (sender is None and is_signed(recipient))
    found = signed.arriving(recipient, is_notice=is_notice, is_trusted=may_relay)
    named = found.address if isinstance(found, Returned) else recipient
    verdict = rules.decide(named, may_relay=may_relay or (isinstance(found, Returned) and found.leads_out))
    with progress("Asking"):
        may_submit, submission = await _submission(settings, user, sender) if user else (True, [])
        resolved, notices = await resolve(settings, router, Recipient(named), sender)
        refusal = resolved if isinstance(resolved, Refusal) else None
        leaves_as = partial(signed.leaving, _message(sender, is_local=may_relay))
        ways = (
            []
            if isinstance(resolved, Refusal)
            else await ways_of(settings, router, resolved.recipients, leaves_as, sender)
        )
    return Explanation(
        recipient=recipient.shown(),
        is_taken=verdict.refusal is None
        and may_submit
        and refusal is None
        and not isinstance(found, Reply)
        and not (is_local and settings.maildrop.access is Access.NOBODY),
        policy=[
            *whose,
            *_whose(found),
            *(_handed_in(settings) if is_local else rules.explain(named, client, user)),
            *(() if is_local else _wishes(settings, user, may_relay=may_relay)),
        ],
        steps=list(resolved.steps),
        refusal="" if refusal is None else f"{refusal.reply}: {refusal.reason}",
        goes_to=ways,
        submission=submission,
        notices=notices,
    )


def _whose(found: Returned | Reply | None) -> Iterator[str]:
    """Say whose the recipient is, if it is a reverse-path that we signed."""
    match found:
        case Returned(address, leads_out=True):
            yield f"it is a return address of ours: notices to it go to {address.shown()}, whose mail we forwarded"
        case Returned(address):
            yield f"it is a return address of ours, signed for {address.shown()}"
        case Reply():
            yield f"it is refused with {found}"


def _message(sender: Address | None, *, is_local: bool) -> Message:
    return Message(QueueId("-"), 0, Envelope(sender, ()), 0, origin=Origin(is_local=is_local))


def _handed_in(settings: MailrailSettings) -> Iterator[str]:
    """Say who may hand in mail on this machine, and as whom."""
    maildrop = settings.maildrop
    who = {
        Access.NOBODY: "nobody may hand in mail here: maildrop.access",
        Access.OWNER: "the user that the server runs as and root may hand in mail, for anywhere",
        Access.EVERYONE: "everyone on this machine may hand in mail, for anywhere",
    }
    yield who[maildrop.access]
    if maildrop.users:
        yield f"but only {', '.join(maildrop.users)}: maildrop.users"
    if maildrop.senders is Senders.OWN:
        trusted = ", ".join(("root", "the server's user", *maildrop.trusted))
        yield f"as themselves; as anybody: {trusted}"


def _wishes(settings: MailrailSettings, user: str, *, may_relay: bool) -> Iterator[str]:
    """Say what the client may ask for its mail besides delivery, at each listener that would serve it."""
    for listener in settings.listener:
        if listener.is_for_members and not may_relay:
            continue
        here = f"at {listener.address} it"
        if listener.requiretls:
            yield f"{here} may ask under TLS for verified TLS at every hop, or to come back (REQUIRETLS)"
        if listener.future_release_s:
            yield f"{here} may be kept back for {listener.future_release_s:.0f} s at most (FUTURERELEASE)"
        if listener.deliver_by_s:
            yield f"{here} may be given a time for delivery, {listener.deliver_by_s:.0f} s at least (DELIVERBY)"
        if listener.mt_priority is not PriorityRight.NONE:
            most = 9 if listener.mt_priority.may_raise(user, may_relay=may_relay) else 0
            yield f"{here} may have a priority from -9 to {most} (MT-PRIORITY)"


async def _submission(
    settings: MailrailSettings, name: str, sender: Address | None
) -> tuple[bool, list[str]]:
    """Tell whether *name* may send as *sender*, and say in words what else it may."""
    try:
        found, lines = await _user(settings, name)
    except DirectoryError as error:
        return False, [f"what user {name} may do cannot be known now: {error}"]
    if found is None:
        return False, lines
    quotas = Quotas(settings.quota, Buckets(SystemClock()))  # as if nothing had been sent yet
    member = Members(settings.submission, quotas, tuple(settings.domain)).member(found)
    refusal = member.judge_mail(sender)
    if sender is not None:
        answer = "taken" if refusal is None else f"refused with {refusal}"
        lines.append(f"mail from {sender.shown()} is {answer}")
    return refusal is None, lines + member.explain()


async def _user(settings: MailrailSettings, name: str) -> tuple[User | None, list[str]]:
    """Ask the source of users for *name*; what there is to say of that, in words."""
    network = SocketNetwork(settings.net)
    directory = open_directory(settings.users, None, Bus(), system_rng(), network, SystemClock())
    if directory is None:
        return User(name), ["told by the settings and the name alone: there are no users"]
    try:
        if not directory.knows_names:
            where = directory.describe()
            return User(name), [
                f"told by the settings and the name alone: {where} cannot be asked who there is"
            ]
        found = await directory.find(name)
        return found, [] if found else [f"no user {name} who may log in is in {directory.describe()}"]
    finally:
        await directory.close()
        network.close()


def _lines(found: Explanation) -> Iterator[str]:
    yield found.recipient
    yield f"  {'taken' if found.is_taken else 'refused'}, because:"
    yield from (f"    {line}" for line in (*found.policy, *found.submission))
    if found.refusal:
        yield f"    its address is refused with {found.refusal}"
    if found.steps:
        yield "  the address:"
        yield from (f"    {'  ' * step.depth}{_step(step)}" for step in found.steps)
    for way in found.goes_to[:MOST_SHOWN]:
        # Alone and as written it needs no name.
        whom = (
            "it"
            if way.addresses == [found.recipient]
            else f"mail for {', '.join(way.addresses[:MOST_SHOWN])}"
        )
        yield f"  {whom} would go out:" if found.is_taken else f"  were it taken, {whom} would go out:"
        yield from (f"    {line}" for line in (*way.route, *way.plan))
    if len(found.goes_to) > MOST_SHOWN:
        yield f"  and {len(found.goes_to) - MOST_SHOWN} more ways; --json has them all"
    if found.notices:
        yield "  a notice to the sender would go:"
        yield from (f"    {line}" for line in found.notices)


def _step(step: Step) -> str:
    leads_to = f" -> {', '.join(step.targets[:MOST_SHOWN])}" if step.targets else ""
    return f"{step.address}: {step.rule}{leads_to}"
