"""Floor 5 · doctor — the names of this host in the DNS: resolver, addresses, reverse names."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from mailrail.dns import ResolverDownError
from mailrail.doctor.api import Finding, Ip, Site, error, good, note, warning
from mailrail.model import DnsError

_KNOWN_TO_ALL: Final = "a.root-servers.net"  # has had its address since 1987


async def resolver(site: Site) -> Sequence[Finding]:
    """Does the resolver answer, and know the public DNS?"""
    mend = "name one that does by dns.servers, or mend the system's in /etc/resolv.conf; a resolver on this machine (Unbound) is best"
    try:
        answer = await site.resolver.a(_KNOWN_TO_ALL)
    except ResolverDownError as trouble:
        return [error("no resolver answers", f"{trouble}; without one no mail goes out", mend)]
    except DnsError as trouble:
        return [error("the resolver answers, but does not know", f"{trouble}; mail would wait", mend)]
    if not answer.records:
        return [
            warning(
                f"the resolver knows no address of {_KNOWN_TO_ALL}",
                "it seems to know only names of its own",
                mend,
            )
        ]
    return [good("the resolver answers")]


async def host(site: Site) -> Sequence[Finding]:
    """Does the host name lead to this machine?"""
    name = site.settings.hostname
    found, canonical = await site.addresses_of(name)
    here = ", ".join(site.addresses) or "no address to the world"
    public = ", ".join(one for one in site.addresses if ip_address(one).is_global)
    if not found:
        return [
            error(
                f"{name} has no address in the DNS",
                "other servers look up the name in the greeting, and many refuse mail from a name that leads nowhere",
                f"set its A record (IPv6: AAAA) to {public or 'the address by which the world reaches this machine'}, or set hostname to a name that has one",
            )
        ]
    findings = []
    if canonical != name:
        findings.append(
            error(
                f"{name} is an alias of {canonical}",
                "an MX must not point to a CNAME (RFC 2181 §10.3), and some servers refuse such names",
                f"give {name} A and AAAA records of its own, or set hostname to {canonical}",
            )
        )
    strange = [address for address in found if not site.is_own_address(str(address))]
    findings += [_not_here(name, address, here) for address in strange]
    return findings or [good(f"{name} leads to this machine ({', '.join(map(str, found))})")]


def _not_here(name: str, address: Ip, here: str) -> Finding:
    what = f"{name} leads to {address}, which is no address of this machine ({here})"
    if not address.is_global:
        why, mend = (
            "nobody outside reaches a private address",
            "set its record to the address that the world sees",
        )
    else:
        why = "that is right behind a router that translates addresses, and nowhere else"
        mend = "if there is no such router, set the record to an address of this machine; else have it forward port 25"
    return warning(what, why, mend)


async def reverse(site: Site) -> Sequence[Finding]:
    """Do the addresses have names that lead back to them?"""
    name = site.settings.hostname
    sources = {ip_address(address) for address in site.addresses}
    found, _ = await site.addresses_of(name)
    public = sorted(
        (one for one in {*sources, *found} if one.is_global), key=lambda one: (one.version, int(one))
    )
    if not public:
        return [note("not checked: neither this machine nor its name has a public address")]
    findings = [await _reverse(site, address, name) for address in public]
    if site.sends_direct:
        return findings
    # The smarthost's reverse name counts then, not ours.
    return [
        note(one.what, "all mail leaves by a smarthost, so that it matters little") if one.mend else one
        for one in findings
    ]


async def _reverse(site: Site, address: Ip, name: str) -> Finding:
    names = (await site.resolver.ptr(address)).records
    mend = f"have the provider of the address set its reverse name to {name}"
    if not names:
        return error(
            f"{address} has no reverse name", "the large mail services refuse mail from such addresses", mend
        )
    confirmed = [each for each in names if address in (await site.addresses_of(each))[0]]
    if not confirmed:
        return error(
            f"the reverse name of {address}, {names[0]}, does not lead back to it",
            "the large mail services refuse mail from such addresses",
            f"{mend}, and let {name} have that address",
        )
    if name not in confirmed:
        return note(
            f"{address} is named {confirmed[0]}, and greets as {name}",
            "some filters count it against you when the two differ",
            mend,
        )
    return good(f"{address} is named {name}, and that leads back to it")
