"""Floor 3 · routing — a route and its plan in words, for `mailrail explain`."""

from mailrail.model import Deferred, Failed, TlsLevel
from mailrail.routing.api import Plan, Route

_TLS_WORDS = {
    TlsLevel.NONE: "never TLS",
    TlsLevel.MAY: "TLS if offered, any certificate, else plain",
    TlsLevel.ENCRYPT: "TLS or nothing, any certificate",
    TlsLevel.VERIFY: "TLS with a good certificate for the host's name, or nothing",
}


def explain_route(route: Route) -> list[str]:
    """Say in lines which rule decided and what a session must be like."""
    if route.agent:
        return [f"rule: {route.rule}", f"destination: {route.destination}", "delivered on this machine"]
    lines = [f"rule: {route.rule}", f"destination: {route.destination}", f"TLS: {_TLS_WORDS[route.tls]}"]
    if route.implicit_tls:
        lines.append("TLS from the first byte")
    if route.tls_files is not None and route.tls_files.ca_file is not None:
        lines.append(f"authorities: {route.tls_files.ca_file}")
    if route.tls_files is not None and route.tls_files.certificate is not None:
        lines.append(f"certificate to show: {route.tls_files.certificate.chain}")
    if route.lmtp:
        lines.append("protocol: LMTP")
    if route.login is not None:
        lines.append(f"login: {route.login.user or 'by certificate'}")
    return lines


def explain_plan(plan: Plan | Deferred | Failed) -> list[str]:
    """Say in lines which hosts would be tried in which order, or why none."""
    match plan:
        case Plan():
            tries = ((host, endpoint) for host in plan.hosts for endpoint in host.endpoints)
            lines = [
                f"try {number}: {host.name} (preference {host.preference}) at {endpoint}"
                for number, (host, endpoint) in enumerate(tries, 1)
            ]
            if not plan.is_authentic:
                lines.append("mail with REQUIRETLS would fail: DNSSEC does not vouch for these hosts")
            return lines
        case Deferred():
            return [f"would wait: {plan.reply} (blame: {plan.blame.value})"]
        case Failed():
            return [f"would fail: {plan.reply}"]
