"""Floor 5 · doctor — the records of the domains that mail is taken for: MX, SPF, DMARC."""

from collections.abc import Sequence

from mailrail.dns import Mx
from mailrail.doctor.api import Finding, Site, error, good, note, warning
from mailrail.model import AddressError, parse_domain

_NO_DOMAINS = "not checked: mail is taken for no domain"


async def mx(site: Site) -> Sequence[Finding]:
    """Does mail for each domain come to us?"""
    return [one for domain in site.settings.domain for one in await _mx(site, domain)] or [note(_NO_DOMAINS)]


async def _mx(site: Site, domain: str) -> list[Finding]:
    record = f"set: {domain}. MX 10 {site.settings.hostname}."
    answer = await site.resolver.mx(domain)
    if not answer.name_exists:
        return [
            error(
                f"{domain} does not exist in the DNS",
                "nobody can send mail to it",
                f"register it, or mend its spelling; then {record}",
            )
        ]
    if any(one.host == "" for one in answer.records):
        return [
            error(
                f"{domain} says that it takes no mail (null MX)",
                "nobody will send any (RFC 7505)",
                f"remove the MX record with the dot; {record}",
            )
        ]
    findings, comes_here = [], False
    for one in answer.records or (Mx(0, domain),):
        finding, is_ours = await _host(site, domain, one)
        comes_here = comes_here or is_ours
        findings += [finding] if finding else []
    if not comes_here:
        others = ", ".join(one.host for one in answer.records) or f"none, so {domain} itself"
        findings.append(
            warning(
                f"mail for {domain} does not come here: its MX is {others}",
                "that is right if those hosts pass it on to this one, as a filter does",
                f"if they do not, {record}",
            )
        )
    return findings or [good(f"mail for {domain} comes here")]


async def _host(site: Site, domain: str, record: Mx) -> tuple[Finding | None, bool]:
    """Return what is wrong with one MX host, and whether it is this server."""
    host = record.host
    is_named = host == site.settings.hostname
    try:
        is_address = parse_domain(host.replace("_", "-")).rpartition(".")[2].isdecimal()
    except AddressError:
        is_address = True
    if is_address:
        mend = f"let the MX of {domain} name a host, and give the host the address"
        return error(
            f"the MX of {domain} is {host}, which is no host name", "it leads nowhere (RFC 1035 §3.3.9)", mend
        ), False
    addresses, canonical = await site.addresses_of(host)
    is_ours = is_named or any(site.is_own_address(str(one)) for one in addresses)
    if not addresses:
        return error(
            f"{host}, an MX of {domain}, has no address",
            "senders that choose it wait",
            f"set A or AAAA of {host}, or remove the MX record",
        ), is_ours
    if canonical != host:
        why = "an MX must not point to a CNAME (RFC 2181 §10.3), and some senders give up"
        return warning(
            f"{host}, an MX of {domain}, is an alias of {canonical}",
            why,
            f"name {canonical} in the MX record",
        ), is_ours
    return None, is_ours


async def spf(site: Site) -> Sequence[Finding]:
    """Do the domains and the host say who may send for them?"""
    names = dict.fromkeys((site.settings.hostname, *site.settings.domain))
    return [await _spf(site, name) for name in names]


async def _spf(site: Site, name: str) -> Finding:
    records = [text for text in (await site.resolver.txt(name)).records if _is(text, b"v=spf1")]
    is_host = name == site.settings.hostname
    start = (
        '"v=spf1 a -all"'
        if is_host
        else '"v=spf1 mx ~all"'
        if site.sends_direct
        else '"v=spf1 include:SMARTHOST ~all"'
    )
    if not records:
        if is_host:
            return note(
                f"{name} has no SPF record",
                "notices go out without a sender, and are judged by this name (RFC 7208 §2.4)",
                f"set: {name}. TXT {start}",
            )
        return warning(
            f"{name} has no SPF record",
            "large mail services refuse or suspect mail from such domains",
            f"set: {name}. TXT {start}",
        )
    if len(records) > 1:
        return error(
            f"{name} has {len(records)} SPF records",
            "then none counts (RFC 7208 §4.5)",
            "make them one record",
        )
    words = records[0].lower().split()
    if words[-1] in (b"+all", b"all"):
        return warning(
            f"the SPF record of {name} lets everybody send for it",
            f"it ends with {words[-1].decode()}",
            "let it end with ~all, later -all",
        )
    return good(f"{name} has an SPF record")


async def dmarc(site: Site) -> Sequence[Finding]:
    """Do the domains say what to do with mail that only pretends to be theirs?"""
    return [await _dmarc(site, name) for name in site.settings.domain] or [note(_NO_DOMAINS)]


async def _dmarc(site: Site, name: str) -> Finding:
    # RFC 7489 §6.6.3: that of the organisation counts for what lies below it.
    for owner in _upwards(name):
        records = [
            text for text in (await site.resolver.txt(f"_dmarc.{owner}")).records if _is(text, b"v=dmarc1")
        ]
        if len(records) > 1:
            return error(
                f"{owner} has {len(records)} DMARC records",
                "then none counts (RFC 7489 §6.6.3)",
                "keep one of them",
            )
        if records:
            return good(f"{name} has a DMARC record" + ("" if owner == name else f", that of {owner}"))
    return warning(
        f"{name} has no DMARC record",
        "large mail services want one from whoever sends them much",
        f'begin with: _dmarc.{name}. TXT "v=DMARC1; p=none; rua=mailto:postmaster@{name}"',
    )


def _upwards(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(max(len(labels) - 1, 1))]


def _is(text: bytes, version: bytes) -> bool:
    """Tell whether a text is of that kind: the version, then the end, a space or a semicolon."""
    rest = text[len(version) :]
    return text.lower().startswith(version) and rest[:1] in (b"", b" ", b";")
