"""Floor 5 · daemon — the map: every object of a running mailrail, made and joined in one place.

Here stands what holds mail, listens or remembers; what only decides, and is exchanged by a reload, is made in rulebook.py. Rooms that
may not import one another meet in these two files only.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from importlib.metadata import version
from typing import Final, Self

from mailrail.acme import AcmeError, Renewal, proof_for
from mailrail.addresses import SIGNING_KEYS
from mailrail.admin import AdminServer, CertificateRow, KeysRow, Reloaded, Status
from mailrail.config import MailrailSettings
from mailrail.daemon.certificates import Certificates, acme_file
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
from mailrail.daemon.maildrop import look_into_maildrop, open_maildrop
from mailrail.daemon.reload import Change, compare
from mailrail.daemon.rulebook import Base, Rulebook
from mailrail.daemon.tallies import Tallies
from mailrail.daemon.world import World
from mailrail.dns import DnsResolver
from mailrail.model import (
    QueueIds,
    SettingsError,
    StoreError,
)
from mailrail.net import CertificateFacts, Endpoint
from mailrail.observe import Bus
from mailrail.policy import Buckets
from mailrail.queue import Control, Manager
from mailrail.server import Server, ServerSettings
from mailrail.spool import Filter, Spool, open_spool

HOUSEKEEPING_S: Final = 60.0  # certificates, and a disk that failed; the manual promises it
_MAINTAIN_S: Final = 600.0  # the spool; all of its files are looked at, and strays are rare
LOGINS: Final = "logins"  # directory beside the spool for what is kept about logins
_EMPTY_S: Final = 1.0  # how often a leftover spool is asked whether it is empty


class Daemon:
    """One node: one loop, one spool. Make it with `build`, then await `run`.

    Attributes:
        book: the rules in force.
        retired: rules under which something may still go on, with the loop's time at which others took their place.
    """

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
        self.when_reloaded: Callable[[MailrailSettings], object] = lambda _: None
        self._stop = asyncio.Event()
        self._reason = ""
        self._endpoints: tuple[Endpoint, ...] = ()
        self._began_us = world.clock.now_us()
        self._world = world
        self.worker = worker = world.worker
        self._ids = ids = QueueIds(world.clock, node=worker.number, after=spool.newest())
        self.is_drained = False

        # What every reading of the settings stands on.
        home = worker.home or settings.spool.path
        logins = home / LOGINS
        self.resolver = DnsResolver(world.network, settings.dns, world.rng, bus)
        self.keyring = Keyring(home / SIGNING_KEYS, world.clock, world.rng, bus)
        self.hearsay = Hearsay(worker)
        buckets = Buckets(world.clock, told=self.hearsay.tell)
        self.hearsay.listen(buckets)
        self._base = Base(
            world=world,
            bus=bus,
            spool=spool,
            ids=ids,
            resolver=self.resolver,
            buckets=buckets,
            keyring=self.keyring,
            logins=logins,
        )
        self.book = book = Rulebook(settings, self._base)
        self.retired: list[tuple[float, Rulebook]] = []

        # When.
        self.manager = Manager(
            spool, book.courier, book.notifier, settings.queue, clock=world.clock, rng=world.rng, bus=bus
        )
        self.control = Control(spool, self.manager)

        # What we take responsibility for.
        self.intake = book.intake(self.manager)
        self.pickup = open_maildrop(
            settings, self.intake, book.correspondence, worker, world.disk, world.network, world.person_of
        )

        # Who is talking.
        self.tallies = Tallies(logins / "tallies", buckets, bus)
        if book.directory is not None:
            self.tallies.load()
        self.certificates = Certificates(world.clock, bus)
        self.server = Server(
            book.lines(self.intake)[0][1],
            hostname=settings.hostname,
            settings=ServerSettings(limits=settings.limits, timeouts=settings.timeouts),
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
            unlock=self._unlock_for_operator,
            rotate=self._rotate_for_operator,
            in_maildrop=look_into_maildrop(settings, worker, world.disk, spool, world.person_of),
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
            for _, old in self.retired:
                await old.close(self.book)
            await self.book.close()
            if self.book.directory is not None:
                await self._save_tallies()
            await self.spool.close()
            self.bus.emit(DaemonStopped())

    def _listen(self, tasks: asyncio.TaskGroup) -> None:
        if not self.worker.is_leftover:
            self._take_mail()
        self._endpoints = self.server.endpoints
        self._admin.open(tasks)

    def _take_mail(self) -> None:
        self.server.start()
        for port, handler in self.book.lines(self.intake):
            self.server.listen_on(port, handler)

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
            self.book.signed_paths.use_keys(await self.keyring.look())
            if self.book.directory is not None:
                await self._save_tallies()
            await self._let_go()
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
                change = compare(self.settings, written)
                book = Rulebook(change.settings, self._base, self.book)
            except SettingsError as error:
                self.bus.emit(SettingsRefused(reason=str(error)))
                raise
            self._go_by(book)
        self.bus.emit(SettingsReloaded(applied=change.applied, waiting=change.waiting))
        await self._look_at_certificates(again=True)
        self.book.signed_paths.use_keys(await self.keyring.look())
        return change

    def _go_by(self, book: Rulebook) -> None:
        """Put *book* in force, in one go: what begins from now on begins under it."""
        settings, loop = book.settings, asyncio.get_running_loop()
        self.retired.append((loop.time(), self.book))
        self.settings, self.book, self.intake = settings, book, book.intake(self.manager)
        self.manager.use(book.courier, book.notifier, settings.queue)
        if not self.worker.is_leftover:
            served = ServerSettings(limits=settings.limits, timeouts=settings.timeouts)
            self.server.use(served, settings.relay.networks, book.lines(self.intake))
        if self.pickup is not None:
            self.pickup.use(book.correspondence, self.intake, rewrites_header=settings.canonical.header)
        self.when_reloaded(settings)

    async def _let_go(self) -> None:
        """Close the rulebooks under which nothing goes on any more."""
        for since_s, old in self.retired[:]:
            if not (self.server.has_session_from(since_s) or self.manager.is_used(old.courier)):
                self.retired.remove((since_s, old))
                await old.close(self.book)

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

    def _unlock_for_operator(self, name: str) -> int:
        return self.book.guessing.unlock(name)

    async def _rotate_for_operator(self) -> KeysRow:
        keys = await self.keyring.rotate(self.book.signed_paths.keep_us)
        self.book.signed_paths.use_keys(keys)
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


def _row(facts: CertificateFacts) -> CertificateRow:
    return CertificateRow(
        file=str(facts.file),
        names=facts.names,
        issuer=facts.issuer,
        ends_us=facts.ends_us,
        is_self_signed=facts.is_self_signed,
    )
