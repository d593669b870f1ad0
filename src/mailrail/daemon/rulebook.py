"""Floor 5 · daemon — all that decides and holds no mail: made of one reading of the settings, and exchanged as a whole.

The other half of the map (assembly.py has what holds mail, listens or remembers). A reload makes a new one beside the old; whatever was begun
under the old one, a session or a try, ends under it. Only what is asked far away, and has not changed, goes over from one to the next:
tables and users, with their connections and what they remember.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from mailrail.addresses import SignedPaths
from mailrail.agents import AgentCourier
from mailrail.config import ClientCertificate, ListenerSettings, MailrailSettings, Role
from mailrail.daemon.addressing import open_addresses
from mailrail.daemon.couriers import Couriers
from mailrail.daemon.keyring import Keyring
from mailrail.daemon.world import World
from mailrail.delivery import CallAhead, ClientContexts, SmtpCourier
from mailrail.directory import Directory, open_directory
from mailrail.dns import Resolver
from mailrail.intake import HeaderLimits, Intake, Taker, Treatment
from mailrail.model import Address, QueueIds, Recipient, TlsLevel, parse_address
from mailrail.observe import Bus
from mailrail.pickup import Correspondence
from mailrail.policy import Buckets, Guessing, Members, PriorityRight, Quotas, RelayRules
from mailrail.receive import Doorkeeper, Duty, Reception
from mailrail.report import NoticeWriter
from mailrail.routing import RoutingRules, SettingsRouter
from mailrail.server import HandlerFactory, Port
from mailrail.spool import Spool
from mailrail.tables import Doors, Tables, open_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What every rulebook of a daemon stands on.

    Attributes:
        buckets: what clients and users have used up.
        logins: directory for what is kept about logins.
    """

    world: World
    bus: Bus
    spool: Spool
    ids: QueueIds
    resolver: Resolver
    buckets: Buckets
    keyring: Keyring
    logins: Path


class Rulebook:
    """The rules of *settings*; make it inside the running loop. Blocks while files are read.

    Args:
        before: the one that it takes the place of.

    Raises:
        SettingsError: something that *settings* name cannot be used.
    """

    def __init__(self, settings: MailrailSettings, base: Base, before: "Rulebook | None" = None) -> None:
        self.settings = settings
        self._base = base
        world, bus = base.world, base.bus
        self.tables: Tables = (
            before.tables
            if before is not None and before.settings.table == settings.table
            else open_tables(settings.table, Doors(bus, world.network))
        )

        # In whose name mail leaves, and whose a bounce is.
        keys = base.keyring.begin(settings)
        self.signed_paths = SignedPaths(
            settings.srs, settings.batv, tuple(settings.domain), keys, world.clock
        )

        # Where to next, and one try to get there.
        self.router = SettingsRouter(
            RoutingRules(settings.routing, settings.route, settings.domain),
            base.resolver,
            world.rng,
            own_names=(settings.hostname,),
            own_endpoints=tuple(listener.endpoint for listener in settings.listener),
            is_own_address=world.is_own_address,
        )
        self.agents = AgentCourier(
            self.router,
            settings.agent,
            lambda route: smtp.carrier_for(route),  # noqa: PLW0108 -- it is made below
            separators=settings.separators_of,
            hostname=settings.hostname,
            disk=world.disk,
            clock=world.clock,
            identity=world.identity,
        )
        smtp: SmtpCourier = SmtpCourier(
            world.network,
            self.router,
            settings.delivery,
            settings.client,
            ClientContexts.load(
                {hop.tls_files for hop in (*settings.route, *settings.domain.values()) if hop.tls_files}
            ),
            hello_name=settings.hostname,
            clock=world.clock,
            bus=bus,
            leaves_as=self.signed_paths.leaving,
            agents=self.agents.carrier_for,
        )
        self.courier = Couriers(self.router, smtp, self.agents)

        # Who lives here, and for whom an address stands.
        self.directory: Directory | None = (
            before.directory
            if before is not None and before.settings.users == settings.users
            else open_directory(settings.users, base.logins, bus, world.rng, world.network, world.clock)
        )
        self.addresses, self.rewriter = open_addresses(
            settings, self.tables, self.directory, CallAhead(smtp, bus), bus
        )
        self.correspondence = Correspondence(self.addresses, self.signed_paths, self.rewriter)

        # Whom we owe a word.
        self.notifier = NoticeWriter(
            settings.hostname,
            settings.report,
            base.ids,
            world.clock,
            route=self.destination_of,
            resolve=self.addresses.of_notice,
            bus=bus,
        )

        # Who is talking, and may they.
        networks, domains = settings.relay.networks, tuple(settings.domain)
        self.guessing = Guessing(settings.guessing, base.buckets, world.rng, networks, world.worker.key)
        self.members = Members(settings.submission, Quotas(settings.quota, base.buckets), domains)
        self.rules = RelayRules(networks, domains)

    def destination_of(self, recipient: Recipient) -> str:
        """Return the queue's key of where mail for *recipient* goes."""
        return self.router.route_of(recipient).destination

    def intake(self, taker: Taker) -> Intake:
        """Return what takes responsibility by these rules."""
        settings, base = self.settings, self._base
        limits = settings.limits
        return Intake(
            base.spool,
            base.ids,
            base.world.clock,
            hostname=settings.hostname,
            route=self.destination_of,
            taker=taker,
            limits=HeaderLimits(
                header_bytes=limits.header_bytes, header_lines=limits.header_lines, hops=limits.hops
            ),
            bus=base.bus,
            heeds_tls_required=_asks_for_tls(settings),
        )

    def lines(self, intake: Intake) -> list[tuple[Port, HandlerFactory]]:
        """Return each listener and what its sessions are there for, in the order of the settings."""
        return [
            (self._port(listener), Reception.for_duty(self._duty(listener, intake)))
            for listener in self.settings.listener
        ]

    def _port(self, listener: ListenerSettings) -> Port:
        return Port(
            endpoint=listener.endpoint,
            implicit_tls=listener.implicit_tls,
            is_lmtp=listener.role is Role.LMTP,
            auth_mechanisms=self._mechanisms(listener),
            may_auth_in_clear=listener.auth_in_clear,
            client_certificates=listener.asks_for,
            proxy_from=listener.proxies,
            requiretls=listener.requiretls,
            future_release_s=int(listener.future_release_s),
            deliver_by_s=int(listener.deliver_by_s),
            mt_priority=listener.mt_priority is not PriorityRight.NONE,
            xclient_from=listener.xclient_from,
        )

    def _mechanisms(self, listener: ListenerSettings) -> tuple[str, ...]:
        """Return how people may log in: as they were asked to in so many words, else as all of them can."""
        if self.directory is None:
            return ()
        return listener.mechanisms if listener.auth else self.directory.able(listener.mechanisms)

    def _duty(self, listener: ListenerSettings, intake: Intake) -> Duty:
        return Duty(
            intake=intake,
            rules=self.rules,
            hostname=self.settings.hostname,
            is_submission=listener.is_for_members,
            treatment=self._treatment(listener),
            is_members_only=listener.is_for_members,
            needs_tls=listener.client_certificate is ClientCertificate.REQUIRE,
            is_lmtp=listener.role is Role.LMTP,
            keeper=self._keeper(),
            may_auth_in_clear=listener.auth_in_clear,
            postmaster=self._postmaster(),
            addresses=self.addresses,
            signed_paths=self.signed_paths,
            rewriter=self.rewriter,
            priority_right=listener.mt_priority,
        )

    def _treatment(self, listener: ListenerSettings) -> Treatment:
        treatment, rewriter = listener.treatment, self.rewriter
        if rewriter is None or not (treatment.completes and self.settings.canonical.header):
            return treatment
        return replace(treatment, rewrite=rewriter.header)

    def _keeper(self) -> Doorkeeper | None:
        if self.directory is None:
            return None
        return Doorkeeper(self.directory, self.guessing, self.members, self._base.bus)

    def _postmaster(self) -> Address | None:
        """Return where mail for the bare `<Postmaster>` goes (RFC 5321 §4.5.1)."""
        if self.settings.report.postmaster:
            return parse_address(self.settings.report.postmaster)
        domain = next(iter(self.settings.domain), None)
        return Address("postmaster", domain) if domain else None

    async def close(self, after: "Rulebook | None" = None) -> None:
        """Let go of everything but what went over to *after*; nothing is begun under these rules any more."""
        self.agents.close()
        if self.directory is not None and (after is None or after.directory is not self.directory):
            await self.directory.close()
        if after is None or after.tables is not self.tables:
            await self.tables.close()


def _asks_for_tls(settings: MailrailSettings) -> bool:
    """Tell whether some mail must go out under TLS."""
    levels = (settings.routing.tls, *(hop.tls for hop in (*settings.route, *settings.domain.values())))
    return not {TlsLevel.ENCRYPT, TlsLevel.VERIFY}.isdisjoint(levels)
