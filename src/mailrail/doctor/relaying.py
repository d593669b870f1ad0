"""Floor 5 · doctor — is this an open relay? Asked of the rules themselves, and, if it runs, of the server as a stranger.

The forms are those that open relays were found by: an address in another's clothes, which a next server undresses (A31).
"""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final

from mailrail.config import ListenerSettings, Role
from mailrail.doctor.api import Finding, Site, error, good, note, warning
from mailrail.doctor.dialogue import Dialogue
from mailrail.model import Address, AddressError, NetError, parse_address
from mailrail.net import Endpoint
from mailrail.policy import RelayRules

_ELSEWHERE: Final = "relay-test.example"  # RFC 2606 §2: nobody's
_STRANGER: Final = "203.0.113.77"  # RFC 5737: nobody's, and looked up in relay.networks only
_WIDE: Final = {4: 8, 6: 16}  # prefixes shorter than this hold whole regions of the Internet
_BEGUN: Final = frozenset({250, 251})


async def relay(site: Site) -> Sequence[Finding]:
    """Would mail of strangers for strangers be taken?"""
    settings = site.settings
    rules = RelayRules(settings.relay.networks, tuple(settings.domain))
    findings = [*_networks(site), *_by_rules(rules, _forms(_ours(site)))]
    if site.status is not None:
        findings += await _by_session(site, rules)
    if any(one.mend for one in findings):
        return findings
    return [good("strangers may not send to strangers, by the rules"), *findings]


def _ours(site: Site) -> str:
    return next(iter(site.settings.domain), site.settings.hostname)


def _forms(ours: str) -> dict[str, str]:
    """Return the ways to name a foreign mailbox, as they stand between the brackets."""
    victim = f"nobody@{_ELSEWHERE}"
    return {
        "plain address": victim,
        "%-hack": f"nobody%{_ELSEWHERE}@{ours}",
        "%-hack to an address literal": f"nobody%{_ELSEWHERE}@[127.0.0.1]",
        "source route": f"@{ours}:{victim}",
        "quoted address": f'"{victim}"@{ours}',
        "UUCP path": f"{_ELSEWHERE}!nobody@{ours}",
        "quoted local part": f'"nobody"@{_ELSEWHERE}',
    }


def _networks(site: Site) -> Iterator[Finding]:
    for network in site.settings.relay.networks:
        if network.prefixlen == 0:
            yield error(
                f"relay.networks holds {network}: the whole world may send anywhere",
                "spammers find an open relay within hours, and then everybody blocks it",
                "name your own networks only",
            )
        elif network.prefixlen < _WIDE[network.version] and network.is_global:
            yield warning(
                f"relay.networks holds {network}, {network.num_addresses:,} public addresses",
                "whoever has one of them may send anywhere",
                "name your own networks only",
            )


def _by_rules(rules: RelayRules, forms: dict[str, str]) -> Iterator[Finding]:
    for name, form in forms.items():
        address = _parsed(form)
        # What is no address is refused by its syntax.
        if address is None or rules.decide(address, may_relay=rules.may_relay(_STRANGER)).refusal:
            continue
        yield _open(name, form, "by the rules")


def _parsed(form: str) -> Address | None:
    # RFC 5321 appendix C: a source route is dropped, what stands behind it counts.
    try:
        return parse_address(form.partition(":")[2] if form.startswith("@") else form)
    except AddressError:
        return None


def _open(name: str, form: str, where: str) -> Finding:
    return error(
        f"strangers may send to strangers: {name} <{form}> is taken, {where}",
        "spammers find an open relay within hours, and then everybody blocks it",
        "take what is too much out of relay.networks and [domain]; if nothing is, this is a fault of mailrail: report it",
    )


async def _by_session(site: Site, rules: RelayRules) -> list[Finding]:
    """Ask the listeners for everybody from the outside, as far as this machine can stand there."""
    doors = [
        listener
        for listener in site.settings.listener
        if listener.role is Role.MX and not listener.implicit_tls and listener.proxies is None
    ]
    found: list[Finding] = []
    for listener in doors:
        source = _source(site, listener)
        if source is None:
            continue
        if rules.may_relay(source):
            found.append(note(f"not asked at {listener.endpoint}: {source}, this machine itself, may relay"))
            continue
        found += await _ask(site, Endpoint(source, listener.endpoint.port), _forms(_ours(site)))
    return found or [
        note("not asked by a session: this machine has no address that is not loopback and may not relay")
    ]


def _source(site: Site, listener: ListenerSettings) -> str | None:
    """Return an address of this machine by which to come to *listener* as others do."""
    here = listener.endpoint
    if here.is_unix:
        return None
    asked = ip_address(here.host)
    for text in site.addresses:
        address = ip_address(text)
        if address == asked or (asked.is_unspecified and address.version == asked.version):
            return text
    return None


async def _ask(site: Site, endpoint: Endpoint, forms: dict[str, str]) -> list[Finding]:
    taken: list[str] = []
    try:
        connection = await site.network.connect(endpoint, timeout_s=10, source=endpoint.host)
        dialogue = Dialogue(connection)
        try:
            await _try_forms(dialogue, site.settings.hostname, forms, taken)
        finally:
            dialogue.close()
    except NetError as trouble:
        if not taken:
            return [note(f"the session at {endpoint} ended early", str(trouble))]
    if taken:
        return [_open(name, forms[name], f"at {endpoint}") for name in taken]
    return [good(f"asked as a stranger at {endpoint}: all {len(forms)} forms are refused")]


async def _try_forms(dialogue: Dialogue, hostname: str, forms: dict[str, str], taken: list[str]) -> None:
    """Add to *taken* the forms that the server takes; no message is begun.

    Raises:
        NetError: the session ended before all were tried.
    """
    await dialogue.reply()
    await dialogue.ask(f"EHLO {hostname}")
    code, _ = await dialogue.ask(f"MAIL FROM:<postmaster@{hostname}>")
    if code not in _BEGUN:
        return  # a server that takes nothing at all relays nothing
    for name, form in forms.items():
        code, _ = await dialogue.ask(f"RCPT TO:<{form}>")
        if code in _BEGUN:
            taken.append(name)
    await dialogue.ask("RSET")
    await dialogue.ask("QUIT")
