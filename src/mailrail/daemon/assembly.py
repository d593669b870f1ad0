"""Floor 5 · daemon — the map: every object of a running mailrail, made and joined in one place.

Read top to bottom it is the journey of a message backwards: spool, routing, delivery, notices,
queue, intake, listeners, operator. Rooms that may not import one another meet here only, which is why the
file is longer than others.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Final, Self

from mailrail.acme import AcmeError, Renewal, proof_for
from mailrail.addresses import SIGNING_KEYS, SignedPaths
from mailrail.admin import AdminServer, CertificateRow, KeysRow, Reloaded, Status
from mailrail.agents import AgentCourier, Identity, system_identity
from mailrail.config import ClientCertificate, ListenerSettings, MailrailSettings, Role
from mailrail.daemon.addressing import open_addresses
from mailrail.daemon.certificates import Certificates, acme_file
from mailrail.daemon.couriers import Couriers
from mailrail.daemon.events import (
    DaemonStarted,
    DaemonStopped,
    DaemonStopping,
    HousekeepingFailed,
    SettingsRefused,
    SettingsReloaded,
    SpoolDrained,
)
from mailrail.daemon.hearsay import Hearsay
from mailrail.daemon.keyring import Keyring
from mailrail.daemon.leftover import is_empty
from mailrail.daemon.maildrop import open_maildrop
from mailrail.daemon.reload import Change, compare
from mailrail.daemon.tallies import Tallies
from mailrail.daemon.worker import ALONE, Worker
from mailrail.delivery import CallAhead, ClientContexts, SmtpCourier
from mailrail.directory import open_directory
from mailrail.dns import DnsResolver
from mailrail.intake import HeaderLimits, Intake, Treatment
from mailrail.model import (
    Address,
    Clock,
    QueueIds,
    Recipient,
    Rng,
    SettingsError,
    StoreError,
    TlsLevel,
    parse_address,
)
from mailrail.net import CertificateFacts, Endpoint, Network
from mailrail.observe import Bus
from mailrail.pickup import Correspondence, Person, person_of
from mailrail.policy import Buckets, Guessing, Members, PriorityRight, Quotas, RelayRules
from mailrail.queue import Control, Manager
from mailrail.receive import Doorkeeper, Duty, Reception
from mailrail.report import NoticeWriter
from mailrail.routing import RoutingRules, SettingsRouter
from mailrail.server import Port, Server, ServerSettings
from mailrail.spool import Disk, Filter, Spool, open_spool
from mailrail.tables import Doors, open_tables

HOUSEKEEPING_S: Final = 60.0  # certificates, and a disk that failed; the manual promises it
_MAINTAIN_S: Final = 600.0  # the spool; all of its files are looked at, and strays are rare
LOGINS: Final = "logins"  # directory beside the spool for what is kept about logins
_EMPTY_S: Final = 1.0  # how often a leftover spool is asked whether it is empty


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The doors to the outside; the simulator brings its own.

    Attributes:
        is_own_address: tells whether an IP address is this machine's, beside loopback.
        worker: which of several processes this is.
        identity: as whom mailboxes are written.
        person_of: tells who has a user number on this machine.
    """

    network: Network
    clock: Clock
    rng: Rng
    disk: Disk
    is_own_address: Callable[[str], bool]
    worker: Worker = ALONE
    identity: Identity = field(default_factory=system_identity)
    person_of: Callable[[int], Person] = person_of


class Daemon:
    """One node: one loop, one spool. Make it with `build`, then await `run`."""

    def __init__(
        self,
        settings: MailrailSettings,
        world: World,
        bus: Bus,
        spool: Spool,
        reread: Callable[[], MailrailSettings] | None = None,
    ) -> None:
        self.settings = settings
        self._reread = reread
        self._wants_reload = asyncio.Event()
        self.bus = bus
        self.spool = spool
        self.when_started: Callable[[], object] = lambda: None
        self._stop = asyncio.Event()
        self._reason = ""
        self._endpoints: tuple[Endpoint, ...] = ()
        self._began_us = world.clock.now_us()
        self._world = world
        self.worker = worker = world.worker
        self._ids = ids = QueueIds(world.clock, node=worker.number, after=spool.newest())
        self.is_drained = False

        self.tables = open_tables(settings.table, Doors(bus, world.network))

        # In whose name mail leaves, and whose a bounce is.
        home = worker.home or settings.spool.path
        self.keyring = Keyring(home / SIGNING_KEYS, world.clock, world.rng, bus)
        keys = self.keyring.begin(settings)
        self.signed_paths = SignedPaths(
            settings.srs, settings.batv, tuple(settings.domain), keys, world.clock
        )

        # Where to next, and one try to get there.
        self.resolver = DnsResolver(world.network, settings.dns, world.rng, bus)
        self.router = SettingsRouter(
            RoutingRules(settings.routing, settings.route, settings.domain),
            self.resolver,
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
        smtp = SmtpCourier(
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
        courier = Couriers(self.router, smtp, self.agents)

        # Who lives here, and for whom an address stands.
        logins = home / LOGINS
        self.directory = open_directory(settings.users, logins, bus, world.rng, world.network, world.clock)
        self.addresses, self.rewriter = open_addresses(
            settings, self.tables, self.directory, CallAhead(smtp, bus), bus
        )

        # When, and whom we owe a word.
        notifier = NoticeWriter(
            settings.hostname,
            settings.report,
            ids,
            world.clock,
            route=self._destination_of,
            resolve=self.addresses.of_notice,
            bus=bus,
        )
        self.manager = Manager(
            spool, courier, notifier, settings.queue, clock=world.clock, rng=world.rng, bus=bus
        )
        self.control = Control(spool, self.manager)

        # Who is talking, and what we take responsibility for.
        limits = settings.limits
        self.intake = Intake(
            spool,
            ids,
            world.clock,
            hostname=settings.hostname,
            route=self._destination_of,
            taker=self.manager,
            limits=HeaderLimits(
                header_bytes=limits.header_bytes, header_lines=limits.header_lines, hops=limits.hops
            ),
            bus=bus,
            heeds_tls_required=_asks_for_tls(settings),
        )
        correspondence = Correspondence(self.addresses, self.signed_paths, self.rewriter)
        self.pickup = open_maildrop(
            settings, self.intake, correspondence, worker, world.disk, world.network, world.person_of
        )
        self.hearsay = Hearsay(worker)
        buckets = Buckets(world.clock, told=self.hearsay.tell)
        self.hearsay.listen(buckets)
        self.tallies = Tallies(logins / "tallies", buckets, bus)
        self.guessing = Guessing(settings.guessing, buckets, world.rng, settings.relay.networks, worker.key)
        self.members = Members(settings.submission, Quotas(settings.quota, buckets), tuple(settings.domain))
        if self.directory is not None:
            self.tallies.load()
        self.certificates = Certificates(world.clock, bus)
        self.rules = RelayRules(settings.relay.networks, tuple(settings.domain))
        self.server = Server(
            Reception.for_duty(self._duty(settings.listener[0])),
            hostname=settings.hostname,
            settings=ServerSettings(limits=limits, timeouts=settings.timeouts),
            tls=self.certificates.begin(settings),
            trusted=settings.relay.networks,
            network=world.network,
            clock=world.clock,
            bus=bus,
            seat=worker.seat,
        )
        self.renewal = self._renewal() if settings.acme.is_on and worker.number == 0 else None
        self._admin = AdminServer(
            world.network,
            settings.admin.path(settings.spool.path),
            self.control,
            self._status,
            bus,
            reload=self._reload_for_operator,
            renew=self._renew_for_operator,
            unlock=self.guessing.unlock,
            rotate=self._rotate_for_operator,
            group_access=settings.admin.group_access,
        )

    @classmethod
    async def build(
        cls,
        settings: MailrailSettings,
        world: World,
        bus: Bus,
        reread: Callable[[], MailrailSettings] | None = None,
    ) -> Self:
        """Open the spool and make everything above it; nothing listens yet.

        Args:
            reread: reads and checks the settings again, in a thread, and raises SettingsError; None where
                they came from no file, so that `reload` only looks at the certificates.

        Raises:
            StoreError: the spool is locked, damaged or unsuitable.
            SettingsError: a certificate cannot be used.
        """
        spool = await open_spool(settings.spool, world.clock, bus, disk=world.disk)
        try:
            return cls(settings, world, bus, spool, reread)
        except BaseException:
            await spool.close()
            raise

    def _destination_of(self, recipient: Recipient) -> str:
        return self.router.route_of(recipient).destination

    def _duty(self, listener: ListenerSettings) -> Duty:
        role = listener.role
        return Duty(
            intake=self.intake,
            rules=self.rules,
            hostname=self.settings.hostname,
            is_submission=role in (Role.SUBMISSION, Role.INTERNAL),
            treatment=self._treatment(listener),
            is_members_only=role in (Role.SUBMISSION, Role.INTERNAL),
            needs_tls=listener.client_certificate is ClientCertificate.REQUIRE,
            is_lmtp=role is Role.LMTP,
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

    def _renewal(self) -> Renewal:
        from mailrail.acme.authority import AcmeAuthority  # noqa: PLC0415 -- an extra; most do without

        settings, world = self.settings, self._world
        file = acme_file(settings)
        return Renewal(
            settings.acme,
            file,
            AcmeAuthority(settings.acme, file.with_name("acme-account.key")),
            proof_for(settings.acme, world.network, file.parent, world.clock, self.bus),
            clock=world.clock,
            rng=world.rng,
            bus=self.bus,
            changed=partial(self._look_at_certificates, again=True),
        )

    def _keeper(self) -> Doorkeeper | None:
        if self.directory is None:
            return None
        return Doorkeeper(self.directory, self.guessing, self.members, self.bus)

    def _postmaster(self) -> Address | None:
        """Return where mail for the bare `<Postmaster>` goes (RFC 5321 §4.5.1)."""
        if self.settings.report.postmaster:
            return parse_address(self.settings.report.postmaster)
        domain = next(iter(self.settings.domain), None)
        return Address("postmaster", domain) if domain else None

    # --- Life ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until `ask_to_stop`, then finish in good order.

        Raises:
            ExceptionGroup: of NetError, when an address cannot be listened at.
        """
        try:
            if self.pickup is not None:
                await self.pickup.recover()
            async with asyncio.TaskGroup() as tasks:
                queue = tasks.create_task(self.manager.run())
                await asyncio.sleep(0)  # the queue takes mail once it runs
                try:
                    self._listen(tasks)
                    await self._tell_start()
                    tasks.create_task(self._keep_house())
                    tasks.create_task(self._heed_reloads())
                    tasks.create_task(self._keep_certificate())
                    tasks.create_task(self._take_up())
                    if self.worker.is_leftover:
                        tasks.create_task(self._leave_when_empty())
                    self.when_started()
                    await self._stop.wait()
                finally:
                    await self._wind_down(queue)
        finally:
            self.agents.close()
            if self.directory is not None:
                await self.directory.close()
                await self._save_tallies()
            await self.tables.close()
            await self.spool.close()
            self.bus.emit(DaemonStopped())

    def _listen(self, tasks: asyncio.TaskGroup) -> None:
        if not self.worker.is_leftover:
            self._take_mail()
        self._endpoints = self.server.endpoints
        self._admin.open(tasks)

    def _take_mail(self) -> None:
        self.server.start()
        for listener in self.settings.listener:
            port = Port(
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
            self.server.listen_on(port, Reception.for_duty(self._duty(listener)))

    def _mechanisms(self, listener: ListenerSettings) -> tuple[str, ...]:
        """Return how people may log in: as they were asked to in so many words, else as all of them can."""
        if self.directory is None:
            return ()
        return listener.mechanisms if listener.auth else self.directory.able(listener.mechanisms)

    async def _tell_start(self) -> None:
        self.bus.emit(
            DaemonStarted(
                version=version("mailrail"),
                hostname=self.settings.hostname,
                listeners=tuple(map(str, self._endpoints)),
                spool=str(self.settings.spool.path),
                admin=str(self.settings.admin.path(self.settings.spool.path)),
                waiting=await self.spool.count(Filter()),
            )
        )

    def ask_to_stop(self, reason: str = "asked to stop") -> None:
        """Begin to stop; `run` returns when that is done."""
        if not self._stop.is_set():
            self._reason = reason
            self.bus.emit(DaemonStopping(reason=reason))
            self._stop.set()
            self._wants_reload.set()  # wakes who waits for it

    async def _wind_down(self, queue: "asyncio.Task[None]") -> None:
        grace_s = self.settings.timeouts.drain_s
        self._admin.close()
        await self.server.stop(grace_s)
        await self.manager.stop(grace_s)
        with contextlib.suppress(asyncio.CancelledError):
            await queue

    async def _keep_house(self) -> None:
        loop, maintain_at_s = asyncio.get_running_loop(), 0.0
        while not self._stop.is_set():
            if loop.time() >= maintain_at_s:
                maintain_at_s = loop.time() + _MAINTAIN_S
                await self._try_spool(self.spool.maintain)
            await self._try_spool(self.spool.cure)
            await self._look_at_certificates()
            self.signed_paths.use_keys(await self.keyring.look())
            if self.directory is not None:
                await self._save_tallies()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HOUSEKEEPING_S):
                    await self._stop.wait()

    async def _try_spool(self, chore: Callable[[], Awaitable[None]]) -> None:
        try:
            await chore()
        except StoreError as error:
            self.bus.emit(HousekeepingFailed(reason=str(error)))

    async def _leave_when_empty(self) -> None:
        """Stop when nothing is left in a spool that gets nothing new: notices go into it while mail is settled."""
        while not self._stop.is_set():
            if await is_empty(self.spool):
                self.is_drained = True
                self.bus.emit(SpoolDrained(spool=str(self.settings.spool.path)))
                self.ask_to_stop("its spool is empty")
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EMPTY_S):
                    await self._stop.wait()

    async def _save_tallies(self) -> None:
        if self.worker.number == 0:  # the others have counted the same
            await self.tallies.save()

    # --- What changes under way ---------------------------------------------------------------

    def ask_to_reload(self) -> None:
        """Begin to read settings and certificates again, as for SIGHUP; events tell how it went."""
        self._wants_reload.set()

    async def _heed_reloads(self) -> None:
        while not self._stop.is_set():
            await self._wants_reload.wait()
            self._wants_reload.clear()
            if self._stop.is_set():
                return
            with contextlib.suppress(SettingsError):  # told by an event
                await self.reload()

    async def reload(self) -> Change:
        """Read settings and certificates again; what may change in a running daemon does.

        Raises:
            SettingsError: the settings cannot be used, and nothing has changed.
        """
        change = Change(self.settings)
        if self._reread is not None:
            try:
                written = await asyncio.get_running_loop().run_in_executor(None, self._reread)
            except SettingsError as error:
                self.bus.emit(SettingsRefused(reason=str(error)))
                raise
            change = compare(self.settings, written)
        self.settings = change.settings
        self.bus.emit(SettingsReloaded(applied=change.applied, waiting=change.waiting))
        await self._look_at_certificates(again=True)
        self.signed_paths.use_keys(await self.keyring.look())
        return change

    async def _reload_for_operator(self, only_certificates: bool) -> Reloaded:
        if only_certificates:
            await self._look_at_certificates(again=True)
            return Reloaded()
        change = await self.reload()
        return Reloaded(applied=change.applied, waiting=change.waiting)

    async def _keep_certificate(self) -> None:
        """Fetch and renew by ACME, where that is wanted, until the daemon stops."""
        if self.renewal is not None:
            await self._until_stop(self.renewal.run())

    async def _take_up(self) -> None:
        """Take up what is handed in at the maildrop, until the daemon stops."""
        if self.pickup is not None:
            await self._until_stop(self.pickup.run())

    async def _until_stop(self, work: Coroutine[object, object, None]) -> None:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(work)
            await self._stop.wait()
            task.cancel()

    async def _renew_for_operator(self) -> CertificateRow:
        if self.renewal is None:
            raise AcmeError("no certificate is fetched by ACME: name what it is to be for by acme.domains")
        return _row(await self.renewal.renew())

    async def _rotate_for_operator(self) -> KeysRow:
        keys = await self.keyring.rotate(self.signed_paths.keep_us)
        self.signed_paths.use_keys(keys)
        return KeysRow(keys=len(keys.keys), signs_from_us=keys.keys[0].since_us)

    async def _look_at_certificates(self, *, again: bool = False) -> None:
        contexts = await self.certificates.look(self.settings, again=again)
        if contexts is not None:
            self.server.use_certificates(contexts)

    # --- What the operator sees ---------------------------------------------------------------

    def _status(self) -> Status:
        return Status(
            version=version("mailrail"),
            hostname=self.settings.hostname,
            pid=os.getpid(),
            main_pid=self.worker.main_pid or os.getpid(),
            worker=self.worker.number,
            is_leftover=self.worker.is_leftover,
            started_us=self._began_us,
            now_us=self._world.clock.now_us(),
            listeners=tuple(map(str, self._endpoints)),
            sessions=self.server.session_count,
            trouble=self._trouble(),
            certificates=tuple(map(_row, self.certificates.facts)),
        )

    def _trouble(self) -> str:
        """Return why the spool takes no mail now, "" if it does (A68)."""
        try:
            self.spool.begin(self._ids.make()).discard()
        except StoreError as error:
            return str(error)
        if not self.spool.has_space(1):
            return "too little space is free on the spool's disk"
        return "" if self.spool.has_place() else "as many items are queued as spool.most_items allows"


def _asks_for_tls(settings: MailrailSettings) -> bool:
    """Tell whether some mail must go out under TLS."""
    levels = (settings.routing.tls, *(hop.tls for hop in (*settings.route, *settings.domain.values())))
    return not {TlsLevel.ENCRYPT, TlsLevel.VERIFY}.isdisjoint(levels)


def _row(facts: CertificateFacts) -> CertificateRow:
    return CertificateRow(
        file=str(facts.file),
        names=facts.names,
        issuer=facts.issuer,
        ends_us=facts.ends_us,
        is_self_signed=facts.is_self_signed,
    )
