"""Floor 5 · daemon — the certificates of our listeners: found or made, looked after, exchanged under way.

What is in force is one object (`ServerContexts`) made from one reading of all the files. A new reading replaces it
whole, or, when anything is wrong with it, not at all: an error is told once and the old certificates stay (A76, A77).
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailrail.config import MailrailSettings
from mailrail.daemon.events import (
    CertificateEndsSoon,
    CertificatesLoaded,
    CertificatesRefused,
    SelfSignedInUse,
)
from mailrail.model import SECOND_US, Clock, SettingsError, utc
from mailrail.net import (
    CertificateFacts,
    CertificateFiles,
    ServerContexts,
    certificate_facts,
    keep_self_signed,
    server_context,
)
from mailrail.observe import Bus

_DAY_US: Final = 86_400 * SECOND_US
_SOON_US: Final = 14 * _DAY_US  # ours; whoever renews by ACME does it earlier (a third of 90 days)
ADVICE: Final = (
    "nobody can verify it: name a certificate by [[tls.certificate]], or let [acme] fetch one; "
    "tls.self_signed = false offers no TLS instead"
)

# What tells that a file is another: its path, inode, size and time of change; 0 for one that is not there.
Stamp = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """All certificate files as they were at one moment.

    Attributes:
        contexts: ready to use; None where there is no certificate and none is to be made.
        facts: of each certificate, in the order of the settings.
        is_self_signed: the one that was made for want of any other is in force.
        stamps: what the files looked like before they were read.
    """

    contexts: ServerContexts | None
    facts: tuple[CertificateFacts, ...] = ()
    is_self_signed: bool = False
    stamps: tuple[Stamp, ...] = ()


def read(settings: MailrailSettings, clock: Clock) -> Reading:
    """Read every certificate now, making a self-signed one if need be; blocks.

    Raises:
        SettingsError: one cannot be used.
    """
    tls = settings.tls
    files, is_self_signed = (*tls.certificate, *_fetched(settings)), False
    if not files and tls.self_signed:
        made = keep_self_signed(tls.kept_in(settings.spool.path), settings.hostname, clock)
        files, is_self_signed = (made,), True
    asked = frozenset(listener.asks_for for listener in settings.listener if listener.asks_for is not None)
    # Another worker may fetch the one by ACME: that it comes into being is a change, too.
    awaited = (acme_file(settings),) if settings.acme.is_on else ()
    stamps = tuple(map(_stamp, (*_paths(files), *awaited, *(clients.ca_file for clients in asked))))
    if not files:
        return Reading(None, stamps=stamps)
    contexts = server_context(tls.model_copy(update={"certificate": files}), asked)
    facts = tuple(certificate_facts(one.chain) for one in files)
    return Reading(contexts, facts, is_self_signed, stamps)


def acme_file(settings: MailrailSettings) -> Path:
    """Return where the certificate that was fetched by ACME is kept, with its key."""
    return settings.tls.kept_in(settings.spool.path) / "acme.pem"


def _fetched(settings: MailrailSettings) -> tuple[CertificateFiles, ...]:
    file = acme_file(settings)
    return (CertificateFiles(chain=file, key=file),) if settings.acme.is_on and file.exists() else ()


def _paths(files: Iterable[CertificateFiles]) -> Iterable[Path]:
    for one in files:
        yield one.chain
        yield one.key


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()  # of what a link leads to: Certbot renews by moving a link
    except OSError:
        return str(path), 0, 0, 0
    return str(path), status.st_ino, status.st_size, status.st_mtime_ns


class Certificates:
    """The certificates in force."""

    def __init__(self, clock: Clock, bus: Bus) -> None:
        self._clock = clock
        self._bus = bus
        self._reading = Reading(None)
        self._refused: tuple[Stamp, ...] = ()
        self._warned_day = 0
        self._lock = asyncio.Lock()

    @property
    def facts(self) -> tuple[CertificateFacts, ...]:
        """Every certificate in force, the one for unknown names first."""
        return self._reading.facts

    def begin(self, settings: MailrailSettings) -> ServerContexts | None:
        """Read them for the first time; blocks.

        Without a place for a self-signed one the daemon starts all the same, unless a listener speaks nothing but TLS.

        Raises:
            SettingsError: one that the settings name cannot be used, or there is none where one must be.
        """
        try:
            reading = read(settings, self._clock)
        except SettingsError as error:
            if settings.tls.certificate or any(listener.implicit_tls for listener in settings.listener):
                raise
            self._bus.emit(CertificatesRefused(reason=str(error)))
            return None
        self._take(reading)
        return reading.contexts

    async def look(self, settings: MailrailSettings, *, again: bool = False) -> ServerContexts | None:
        """Read the files again if they have changed, and return what is to be used from now on, if anything is.

        Args:
            again: read them in any case.
        """
        async with self._lock:  # housekeeping and operator may look at the same time
            return await self._look(settings, again=again)

    async def _look(self, settings: MailrailSettings, *, again: bool) -> ServerContexts | None:
        loop = asyncio.get_running_loop()
        paths = [Path(path) for path, *_ in self._reading.stamps]
        self._warn()
        if not again:
            if not paths:  # no files, no thread to look at them
                return None
            stamps = await loop.run_in_executor(None, lambda: tuple(map(_stamp, paths)))
            if stamps in (self._reading.stamps, self._refused) and not self._is_ending():
                return None
            self._refused = stamps
        try:
            reading = await loop.run_in_executor(None, read, settings, self._clock)
            self._check_dates(reading)
        except SettingsError as error:
            self._bus.emit(CertificatesRefused(reason=str(error), keeps=bool(self.facts)))
            return None
        if reading.stamps == self._reading.stamps and not again:
            return None
        self._take(reading)
        return reading.contexts

    def _is_ending(self) -> bool:
        """Tell whether the self-signed certificate is to be made anew, which `read` then does."""
        return self._reading.is_self_signed and self.facts[0].ends_us - self._clock.now_us() < 2 * _SOON_US

    def _check_dates(self, reading: Reading) -> None:
        """Refuse a certificate that is over where we have a better one (A76)."""
        now_us = self._clock.now_us()
        for facts in reading.facts:
            if facts.ends_us <= now_us and any(old.ends_us > now_us for old in self.facts):
                raise SettingsError(f"TLS certificate {facts.file} ended on {day_of(facts.ends_us)}")

    def _take(self, reading: Reading) -> None:
        self._reading, self._refused = reading, ()
        if not reading.facts:
            return
        first = reading.facts[0]
        self._bus.emit(
            CertificatesLoaded(
                files=tuple(str(facts.file) for facts in reading.facts),
                names=tuple(name for facts in reading.facts for name in facts.names),
                ends=day_of(min(facts.ends_us for facts in reading.facts)),
            )
        )
        if reading.is_self_signed:
            self._bus.emit(SelfSignedInUse(file=str(first.file), names=first.names, advice=ADVICE))
        self._warned_day = 0
        self._warn()

    def _warn(self) -> None:
        """Tell once a day of certificates that are over or soon will be."""
        now_us = self._clock.now_us()
        if now_us // _DAY_US == self._warned_day:
            return
        self._warned_day = now_us // _DAY_US
        for facts in self.facts:
            if facts.ends_us - now_us < _SOON_US:
                self._bus.emit(
                    CertificateEndsSoon(
                        file=str(facts.file),
                        names=facts.names,
                        ends=day_of(facts.ends_us),
                        days=(facts.ends_us - now_us) // _DAY_US,
                    )
                )


def day_of(moment_us: int) -> str:
    """Return the day of *moment_us* as people write it, UTC."""
    return utc(moment_us).strftime("%Y-%m-%d")
