"""Floor 3 · routing — from an address to its route, by the settings alone.

Order: an address literal or domain with `deliver` or `relay_to` of its own, then the routes from top to bottom, then
the MX of the domain. The domain is compared as `model.domain` spells it, which is the same
spelling that policy judged (A24).
"""

from pathlib import Path
from typing import Final

from mailrail.model import Address, Login, Recipient, SettingsError, TlsLevel, literal_address, parse_domain
from mailrail.routing.api import Route, TlsFiles
from mailrail.routing.next_hop import NextHop, parse_next_hop
from mailrail.routing.settings import HopSettings, LoginSettings, RoutingRules

# Domains remembered; each is under 1 KiB. Forgetting all at once costs less than keeping an order of use.
REMEMBERED_DOMAINS: Final = 20_000
_SMTP_PORT: Final = 25  # RFC 5321 §4.5.4.2
_IMPLICIT_TLS_PORT: Final = 465  # RFC 8314 §3.3
_LMTP_PORT: Final = 24  # RFC 2033 §5: never 25; IANA "lmtp" is 24


class RouteTable:
    """Every rule of the settings, ready to be asked.

    Raises:
        SettingsError: a password file cannot be read.
    """

    def __init__(self, rules: RoutingRules) -> None:
        self._settings = rules.routing
        self._relay_to = {
            parse_domain(domain): _Hop(rules, hop, hop.relay_to, f'{hop.word} of domain."{domain}"')
            for domain, hop in rules.domains.items()
            if hop.relay_to or hop.deliver
        }
        self._routes = [
            (entry.match, _Hop(rules, entry, entry.next_hop, f'route {number}, match = "{entry.match}"'))
            for number, entry in enumerate(rules.routes, 1)
        ]
        self._remembered: dict[str, Route] = {}

    def route(self, address: Address) -> Route:
        """Return the route of *address*."""
        domain = address.domain
        known = self._remembered.get(domain)
        if known is not None:
            return known
        if len(self._remembered) >= REMEMBERED_DOMAINS:
            self._remembered.clear()
        route = self._remembered[domain] = self._find(domain)
        return route

    def route_of(self, recipient: Recipient) -> Route:
        """Return the route of *recipient*: that of its address, unless an alias named something else."""
        if recipient.target:
            return _to_target(recipient.target)
        path = recipient.forward_path
        return self._remembered.get(path.domain) or self.route(path)

    def _find(self, domain: str) -> Route:
        hop = self._relay_to.get(domain)
        if hop is not None:
            return hop.route_of(domain)
        for match, hop in self._routes:
            if matches(match, domain):
                return hop.route_of(domain)
        words = "no route matches: " + (
            "the address literal itself" if domain.startswith("[") else f"MX of {domain}"
        )
        return _to_domain(domain, self._settings.mx_port, self._settings.tls, words)


def matches(match: str, domain: str) -> bool:
    """Tell whether *domain* is meant by *match*: equal, `*.parent` (not the parent itself) or `*`."""
    if match == "*" or match == domain:
        return True
    return match.startswith("*.") and domain.endswith(match[1:])


class _Hop:
    """One entry of the settings, made ready; a fixed next hop has one route for all its domains."""

    def __init__(self, rules: RoutingRules, entry: HopSettings, next_hop: str, rule: str) -> None:
        self._rule = rule
        self._mx_port = rules.routing.mx_port
        self._tls = _tls_level(entry, rules.routing.tls, next_hop)
        self._tls_files = entry.tls_files
        self._fixed: Route | None = None
        if entry.deliver:
            self._fixed = agent_route(entry.deliver, self._rule)
        elif next_hop:
            self._fixed = self._fixed_route(entry, parse_next_hop(next_hop))

    def route_of(self, domain: str) -> Route:
        return self._fixed or _to_domain(
            domain, self._mx_port, self._tls, f"{self._rule}: MX of {domain}", self._tls_files
        )

    def _fixed_route(self, entry: HopSettings, hop: NextHop) -> Route:
        port = 0 if hop.is_path else hop.port or _default_port(entry)
        where = str(NextHop(hop.host, port))
        login = _read_login(entry.login, self._rule) if entry.login else None
        return Route(
            destination=_fixed_key(where, entry, self._tls, login),
            domain="",
            host=hop.host,
            port=port,
            tls=self._tls,
            implicit_tls=entry.implicit_tls,
            lmtp=entry.lmtp,
            login=login,
            rule=f"{self._rule}: {where}",
            tls_files=self._tls_files,
        )


def _to_domain(domain: str, port: int, tls: TlsLevel, rule: str, tls_files: TlsFiles | None = None) -> Route:
    literal = literal_address(domain)
    return Route(
        destination=f"mx:{domain}" if literal is None else f"literal:{literal}",
        domain=domain if literal is None else "",
        host="" if literal is None else str(literal),
        port=port,
        tls=tls,
        implicit_tls=False,
        lmtp=False,
        login=None,
        rule=rule,
        tls_files=tls_files,
    )


def agent_route(name: str, rule: str) -> Route:
    """Return the route to the agent *name*."""
    return Route(
        destination=f"agent:{name}",
        domain="",
        host="",
        port=0,
        tls=TlsLevel.NONE,
        implicit_tls=False,
        lmtp=False,
        login=None,
        rule=f"{rule}: agent {name}",
        agent=name,
    )


def _to_target(target: str) -> Route:
    """Return the route to what an alias named (`Recipient.target`): the agent of that name delivers there."""
    if target.startswith("|"):
        name = "pipe"
    elif target.startswith("/"):
        name = "maildir" if target.endswith("/") else "mbox"
    else:
        name = target
    return agent_route(name, f"an alias names {target}")


def _fixed_key(where: str, entry: HopSettings, tls: TlsLevel, login: Login | None) -> str:
    """Name the destination so that two entries share sessions only when these would be alike."""
    parts = [f"host:{where}"]
    if tls is not TlsLevel.MAY:
        parts.append(f"tls={tls.value}")
    if entry.implicit_tls:
        parts.append("implicit")
    if entry.lmtp:
        parts.append("lmtp")
    if entry.ca_file is not None:
        parts.append(f"ca={entry.ca_file}")
    if entry.certificate is not None:
        parts.append(f"as={entry.certificate.chain}")
    if login is not None:
        parts.append(f"user={login.user}")
        if login.token_file is not None:
            parts.append("token")
        if login.mechanisms:
            parts.append(f"by={','.join(login.mechanisms)}")
    return ";".join(parts)


def _tls_level(entry: HopSettings, default: TlsLevel, next_hop: str) -> TlsLevel:
    level = entry.tls
    if level is None:
        sends_password_out = entry.login is not None and not parse_next_hop(next_hop).is_here
        level = TlsLevel.VERIFY if sends_password_out or entry.ca_file is not None else default
    # With TLS from the first byte there is no plain session to fall back to.
    return TlsLevel.ENCRYPT if entry.implicit_tls and level in (TlsLevel.MAY, TlsLevel.NONE) else level


def _default_port(entry: HopSettings) -> int:
    if entry.lmtp:
        return _LMTP_PORT
    return _IMPLICIT_TLS_PORT if entry.implicit_tls else _SMTP_PORT


def _read_login(login: LoginSettings, rule: str) -> Login:
    password = login.password.get_secret_value()
    if login.password_file is not None:
        password = _first_line(login.password_file, rule)
    return Login(login.user, password, token_file=login.token_file, mechanisms=login.mechanisms)


def _first_line(path: Path, rule: str) -> str:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{rule}: password_file {path} cannot be read: {error}") from None
    line = text.partition("\n")[0].rstrip("\r")
    if not line:
        raise SettingsError(f"{rule}: password_file {path} is empty: its first line is the password")
    return line
