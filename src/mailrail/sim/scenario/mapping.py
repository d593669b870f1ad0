"""Floor 5 · sim — a configuration made for the real world, brought into the simulated one.

All that decides about mail stays as it is. What needs the real world is replaced: the name servers, the place of the
spool, certificates and logins, whose other half nobody in this world has. So a next hop is asked for as much TLS as "may".
"""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mailrail.addresses import BatvSettings, SrsSettings
from mailrail.agents import AgentSettings, Kind
from mailrail.config import ClientCertificate, ListenerSettings, MailrailSettings
from mailrail.net import Endpoint, TlsSettings
from mailrail.pickup import Access
from mailrail.routing import HopSettings, TlsLevel

SPOOL: Final = Path("/spool")
_OUTSIDE: Final = (Kind.PIPE, Kind.HTTP, Kind.FUNCTION)
_DEMANDING: Final = (TlsLevel.ENCRYPT, TlsLevel.VERIFY)


@dataclass(frozen=True, slots=True)
class Mapped:
    """Settings for the simulation.

    Attributes:
        addresses: that the node's machine must have.
        doors: where clients reach its listeners, in their order.
        notes: what is not as in the file, in words.
    """

    settings: MailrailSettings
    addresses: tuple[str, ...]
    doors: tuple[Endpoint, ...]
    notes: tuple[str, ...]


def bring_in(settings: MailrailSettings, address: str, names: Endpoint) -> Mapped:
    """Bring *settings* into a world where the node has *address* and the name server stands at *names*."""
    notes: list[str] = []
    listeners = tuple(_in_the_clear(one, notes) for one in settings.listener)
    if settings.tls.certificate:
        notes.append("clients are not offered TLS: certificates stay outside")
    if settings.routing.tls in _DEMANDING:
        notes.append(f'routing.tls is "may" instead of "{settings.routing.tls.value}"')
    if settings.batv.sign:
        notes.append("reverse-paths are not signed: keys stay outside")
    outside = sorted(name for name, one in settings.agent.items() if one.kind in _OUTSIDE)
    if outside:
        notes.append(f"what agents hand over to the world outside is discarded: {', '.join(outside)}")
    changes = {
        "listener": listeners,
        "tls": TlsSettings(self_signed=False),
        "srs": SrsSettings(rewrite=False),
        "batv": BatvSettings(),
        "acme": type(settings.acme)(),  # no authority is in this world
        "maildrop": settings.maildrop.model_copy(update={"access": Access.NOBODY}),  # nor any other program
        "dns": settings.dns.model_copy(update={"servers": (str(names),)}),
        "spool": settings.spool.model_copy(update={"path": SPOOL}),
        "route": tuple(one.model_copy(update=_undemanding(one, one.match, notes)) for one in settings.route),
        "domain": {
            name: one.model_copy(update=_undemanding(one, name, notes))
            for name, one in settings.domain.items()
        },
        # "pipe" is there without a table: aliases may name programs.
        "agent": settings.agent | dict.fromkeys((*outside, "pipe"), AgentSettings(kind=Kind.DISCARD)),
        "routing": settings.routing.model_copy(update={"tls": TlsLevel.MAY}),
    }
    endpoints = [one.endpoint for one in listeners if not one.endpoint.is_unix]
    own = (one.host for one in endpoints if not _is_everywhere(one.host))
    doors = tuple(Endpoint(address, one.port) if _is_everywhere(one.host) else one for one in endpoints)
    return Mapped(
        settings.model_copy(update=changes),
        tuple(dict.fromkeys((address, *own))),
        doors,
        tuple(dict.fromkeys(notes)),
    )


def _in_the_clear(listener: ListenerSettings, notes: list[str]) -> ListenerSettings:
    if listener.implicit_tls or listener.asks_for is not None:
        notes.append(f"the listener at {listener.address} speaks in the clear")
    if listener.proxy_protocol:
        notes.append(f"the listener at {listener.address} takes clients without a proxy")
    endpoint = listener.endpoint
    address = listener.address
    if not endpoint.is_unix and _is_everywhere(endpoint.host):
        address = f"0.0.0.0:{endpoint.port}"  # loopback, too: clients are on machines of their own
    clear = {"implicit_tls": False, "client_certificate": ClientCertificate.NONE, "client_ca": None}
    direct = {"proxy_protocol": False, "proxy_from": ()}
    return listener.model_copy(update={**clear, **direct, "address": address})


def _undemanding(hop: HopSettings, name: str, notes: list[str]) -> dict[str, object]:
    """Return what to change so that a stranger can be the next hop."""
    if hop.login is not None or hop.implicit_tls or hop.ca_file is not None or hop.tls in _DEMANDING:
        notes.append(f'the next hop for "{name}" is used without login and with as much TLS as it offers')
    return {"login": None, "implicit_tls": False, "tls": None, "ca_file": None, "certificate": None}


def _is_everywhere(host: str) -> bool:
    """Tell whether *host* is a wildcard, or loopback, where nobody else could come: both are reached at the node's address."""
    address = ip_address(host)
    return address.is_unspecified or address.is_loopback
