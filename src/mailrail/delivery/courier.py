"""Floor 4 · delivery — makes carriers, and holds what they share: plans, dead addresses, TLS sessions."""

import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mailrail.client import ClientSession, ClientSettings, SessionFailed, SessionTerms
from mailrail.delivery.carrier import SmtpCarrier
from mailrail.delivery.dispatch import Hand
from mailrail.delivery.events import ReversePathRewritten, SessionOpenedOut, TlsFellBack
from mailrail.delivery.plans import DeadEndpoints, Plans
from mailrail.delivery.reverse_paths import LeavesAs, as_it_came
from mailrail.delivery.settings import DeliverySettings
from mailrail.model import Address, Clock, Deferred, Failed, Message, Recipient, TlsLevel
from mailrail.net import Endpoint, Network, SessionCache, client_context
from mailrail.observe import Bus
from mailrail.routing import Host, Plan, Route, Router, TlsFiles
from mailrail.smtp import Role
from mailrail.spool import Lease


class SystemContexts:
    """The two ways to do TLS with a next hop, with the system's authorities; each is made when it is first needed.

    Most installations verify nobody, and to read a hundred authorities takes longer than to make all else of a daemon.
    """

    @cached_property
    def verifying(self) -> ssl.SSLContext:
        """For `tls = "verify"`."""
        return client_context(verify=True)

    @cached_property
    def opportunistic(self) -> ssl.SSLContext:
        """For every other level: any certificate is better than none (RFC 7435)."""
        return client_context(verify=False)


@dataclass(frozen=True, slots=True)
class OwnContexts:
    """The same for routes with authorities or a certificate of their own, made at once: their files may be missing."""

    verifying: ssl.SSLContext
    opportunistic: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class ClientContexts:
    """The ways to do TLS with next hops.

    Attributes:
        special: for routes with authorities or a certificate of their own.
        usual: for all others.
    """

    special: Mapping[TlsFiles, OwnContexts] = field(default_factory=dict)
    usual: SystemContexts = field(default_factory=SystemContexts)

    @classmethod
    def load(cls, special: Iterable[TlsFiles]) -> "ClientContexts":
        """Make those for *special*, reading the files now.

        Raises:
            SettingsError: a file is missing or cannot be used.
        """
        pairs = {
            files: OwnContexts(
                client_context(verify=True, ca_file=files.ca_file, client_certificate=files.certificate),
                client_context(verify=False, client_certificate=files.certificate),
            )
            for files in special
        }
        return cls(pairs)

    def of(self, route: Route) -> ssl.SSLContext:
        """Return the context for *route*; one with files that were not loaded is a fault of ours."""
        pair = self.usual if route.tls_files is None else self.special[route.tls_files]
        return pair.verifying if route.tls is TlsLevel.VERIFY else pair.opportunistic


class SmtpCourier:
    """Makes carriers for SMTP and LMTP (the queue's Courier). Make it inside the running loop.

    Args:
        hello_name: our host name, as said in EHLO.
        contexts: made once, kept for good.
        leaves_as: says with which reverse-path mail leaves.
        clock: wall time.
        agents: makes carriers for routes that lead to an agent on this machine; None where no route does.
    """

    def __init__(
        self,
        network: Network,
        router: Router,
        settings: DeliverySettings,
        client_settings: ClientSettings,
        contexts: ClientContexts,
        *,
        hello_name: str,
        clock: Clock,
        bus: Bus,
        leaves_as: LeavesAs = as_it_came,
        agents: Callable[[Route], Hand] | None = None,
    ) -> None:
        self.clock = clock
        self.settings = settings
        self.leaves_as = leaves_as
        self.dead = DeadEndpoints(settings.avoid_s)
        self._network = network
        self._router = router
        self._plans = Plans(router)
        self._client_settings = client_settings
        self._contexts = contexts
        self._tls_sessions = SessionCache()
        self._hello_name = hello_name
        self._bus = bus
        self._agents = agents

    def carrier(self, destination: str, lease: Lease) -> SmtpCarrier:
        """Return a new lane to *destination*, whose route is that of *lease*'s first pending recipient.

        When the settings have changed since the mail was queued, *destination* is only a name: the
        carrier goes by today's routes.
        """
        recipients = lease.message.envelope.recipients
        return SmtpCarrier(self, self.route(recipients[lease.item.pending[0].index]))

    def carrier_for(self, route: Route) -> Hand:
        """Return a new carrier for *route*."""
        if route.agent:
            assert self._agents is not None, "whoever routes to agents has them"
            return self._agents(route)
        return SmtpCarrier(self, route)

    # --- For the carriers ---------------------------------------------------------------

    def route(self, recipient: Recipient) -> Route:
        """Return where *recipient* goes by the settings."""
        return self._router.route_of(recipient)

    def rewritten(self, message: Message, leaves_as: Address) -> None:
        """Tell that some of *message* leaves with another reverse-path."""
        if self._bus.wants(ReversePathRewritten):
            sender = message.envelope.reverse_path
            self._bus.emit(
                ReversePathRewritten(
                    queue_id=message.queue_id, sender=str(sender or "<>"), leaves_as=str(leaves_as)
                )
            )

    async def plan(self, route: Route) -> Plan | Deferred | Failed:
        """Return the hosts of *route*."""
        return await self._plans.plan(route)

    def terms(self, route: Route, host: Host, endpoint: Endpoint) -> SessionTerms:
        """Return what a session with *host* is to be like."""
        return SessionTerms(
            hello_name=self._hello_name,
            role=Role.LMTP if route.lmtp else Role.SMTP,
            tls=route.tls,
            implicit_tls=route.implicit_tls,
            context=self._contexts.of(route),
            tls_sessions=self._tls_sessions,
            server_name=_server_name(host, endpoint),
            login=route.login,
            # Said by the operator, and by the client still only done on this machine.
            may_login_in_clear=route.tls is TlsLevel.NONE,
            source=self._source(endpoint),
        )

    async def open(self, route: Route, host: Host, endpoint: Endpoint, terms: SessionTerms) -> ClientSession:
        """Open a session and tell of it."""
        session = await ClientSession.open(self._network, endpoint, terms, self._client_settings)
        if self._bus.wants(SessionOpenedOut):
            tls = session.tls
            self._bus.emit(
                SessionOpenedOut(
                    destination=route.destination,
                    host=host.name,
                    remote=str(endpoint),
                    tls=str(tls or ""),
                    verified=tls is not None and tls.verified,
                )
            )
        return session

    def fell_back(self, route: Route, host: Host, error: SessionFailed) -> None:
        """Tell that TLS failed and the session goes on in the clear."""
        self._bus.emit(TlsFellBack(destination=route.destination, host=host.name, error=str(error)))

    def _source(self, endpoint: Endpoint) -> str | None:
        if endpoint.is_unix:
            return None
        settings = self.settings
        source = settings.source_ipv6 if ":" in endpoint.host else settings.source_ipv4
        return str(source) if source is not None else None


def _server_name(host: Host, endpoint: Endpoint) -> str | None:
    """Return what a certificate must be good for: the host's name, or its address if it has no name."""
    if endpoint.is_unix:
        return None
    return endpoint.host if host.name.startswith("[") else host.name
