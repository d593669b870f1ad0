"""Floor 5 · doctor — where mail goes on to: next hops of the settings, and port 25 of the world.

Sessions are opened as delivery opens them, login included, and left before any mail.
"""

from collections.abc import Iterator, Sequence

from mailrail.client import SessionError, SessionFailed
from mailrail.delivery import ClientContexts, SmtpCourier
from mailrail.doctor.api import Finding, Site, error, good, note, warning
from mailrail.doctor.certificates import PATIENCE
from mailrail.model import Address, Deferred, Failed, NetError, TlsLevel
from mailrail.net import Endpoint
from mailrail.observe import Bus
from mailrail.routing import Host, Plan, Route, SettingsRouter
from mailrail.smtp import Stage

_CONNECT_S = 10.0
_TRIED = 3  # hosts of the probe's domain: one may be down


async def hops(site: Site) -> Sequence[Finding]:
    """Do the next hops of the settings answer, with the TLS and the login that they are to have?"""
    router = site.router()
    routes = {route.destination: route for route in _routes(site, router) if not route.agent}
    courier = _courier(site, router)
    found = [await _hop(courier, route) for route in routes.values()]
    return found or [note("not checked: the settings name no next hop")]


def _routes(site: Site, router: SettingsRouter) -> Iterator[Route]:
    for name, domain in site.settings.domain.items():
        # Elsewhere every name is an alias, and no mail goes to the domain itself.
        if domain.is_plain or domain.mailboxes or domain.verify or domain.deliver or domain.relay_to:
            yield router.route(Address("postmaster", name))
    for entry in site.settings.route:
        if entry.next_hop:
            # A name that nothing but the pattern is likely to mean.
            yield router.route(Address("postmaster", entry.match.replace("*", "mailrail-doctor.invalid", 1)))


def _courier(site: Site, router: SettingsRouter) -> SmtpCourier:
    settings = site.settings
    files = {hop.tls_files for hop in (*settings.route, *settings.domain.values()) if hop.tls_files}
    return SmtpCourier(
        site.network,
        router,
        settings.delivery,
        PATIENCE,
        ClientContexts.load(files),
        hello_name=settings.hostname,
        clock=site.clock,
        bus=Bus(),
    )


async def _hop(courier: SmtpCourier, route: Route) -> Finding:
    plan = await courier.plan(route)
    match plan:
        case Failed():
            mend = "name the server that has its mailboxes by relay_to, or let a better MX than this host be there"
            return error(f"mail would come back to its sender ({route.rule})", str(plan.reply), mend)
        case Deferred():
            return error(
                f"mail would wait ({route.rule})",
                str(plan.reply),
                "mend the name in the settings, or its records in the DNS",
            )
        case Plan():
            return await _first_that_answers(courier, route, plan)


async def _first_that_answers(courier: SmtpCourier, route: Route, plan: Plan) -> Finding:
    troubles: list[Finding] = []
    for host in plan.hosts:
        for endpoint in host.endpoints:
            finding = await _session(courier, route, host, endpoint)
            if not finding.mend:
                return finding
            troubles.append(finding)
    return troubles[0]


async def _session(courier: SmtpCourier, route: Route, host: Host, endpoint: Endpoint) -> Finding:
    has_name = host.name[0] not in "[/"
    where = f"{host.name} at {endpoint}" if has_name else str(endpoint)
    try:
        session = await courier.open(route, host, endpoint, courier.terms(route, host, endpoint))
    except SessionError as trouble:
        return _unfit(route, where, trouble)
    words = f"{session.tls}" if session.tls else "without TLS"
    login = f", login of {route.login.user or 'our certificate'}" if route.login else ""
    await session.close()
    return good(f"{where} answers ({words}{login})")


def _unfit(route: Route, where: str, trouble: SessionError) -> Finding:
    why = str(trouble)
    if trouble.stage is Stage.AUTH:
        return error(
            f"{where} does not take the login", why, "mend user and password in the login of the route"
        )
    if trouble.stage is Stage.TLS:
        if route.tls is TlsLevel.MAY and isinstance(trouble, SessionFailed):
            return warning(
                f"TLS with {where} fails, and mail goes in the clear",
                why,
                'have its TLS mended, or write tls = "none"',
            )
        return error(
            f"{where} does not give the TLS that it must",
            why,
            "mend its TLS, name its authority by ca_file, or ask less by tls",
        )
    return error(
        f"{where} does not answer as a mail server",
        why,
        "start it, open the firewall, or mend the next hop in the settings",
    )


async def outbound(site: Site) -> Sequence[Finding]:
    """Is port 25 to the world open? The mail hosts of one large domain are connected to, and left without a word."""
    if not site.sends_direct:
        return [note("not checked: all other mail leaves by a smarthost")]
    router = site.router()
    plan = await router.plan(router.route(Address("postmaster", site.probe)))
    if not isinstance(plan, Plan):
        return [
            note(
                f"not checked: no mail host of {site.probe} is known",
                str(plan.reply),
                "name another domain by --probe",
            )
        ]
    tries = [endpoint for host in plan.hosts for endpoint in host.endpoints][:_TRIED]
    troubles = []
    for endpoint in tries:
        try:
            (await site.network.connect(endpoint, timeout_s=_CONNECT_S)).abort()
        except NetError as trouble:
            troubles.append(str(trouble))
        else:
            return [good(f"the mail hosts of {site.probe} can be reached ({endpoint})")]
    return [
        error(
            f"no mail host of {site.probe} can be reached: port 25 to the world seems blocked",
            "; ".join(troubles),
            'many providers block it: ask yours to open it, or send all mail by a smarthost at port 587 ([[route]] match = "*")',
        )
    ]
