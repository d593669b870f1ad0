"""Floor 5 · daemon — the facts of the whole process."""

from typing import ClassVar

from mailrail.observe import Event, Level


class DaemonStarted(Event, frozen=True, kw_only=True):
    """The daemon takes mail."""

    version: str
    hostname: str
    listeners: tuple[str, ...]
    spool: str
    admin: str
    waiting: int


class SessionsBounded(Event, frozen=True, kw_only=True):
    """The system gives fewer descriptors than `limits.connections` needs: fewer sessions are let in (A73).

    Raise the hard limit (`LimitNOFILE=` of systemd, `ulimit -Hn`), or ask for fewer.
    """

    level: ClassVar[Level] = Level.WARNING
    asked: int
    most: int
    descriptors: int


class WorkerEnded(Event, frozen=True, kw_only=True):
    """A worker has died; another process takes its place and its spool. The other workers take mail meanwhile.

    Attributes:
        number: which one.
        process: the id that it had.
        how: its exit code, or the signal that killed it.
        wait_s: until it is started again.
    """

    level: ClassVar[Level] = Level.ERROR
    number: int
    process: int
    how: str
    wait_s: float


class SpoolDrained(Event, frozen=True, kw_only=True):
    """The spool of a worker that there is no more is empty: its last message has gone. It can be deleted.

    Attributes:
        spool: its directory.
    """

    spool: str


class SigningKeysChanged(Event, frozen=True, kw_only=True):
    """Reverse-paths are signed and checked by other keys from now on (SRS, BATV).

    Attributes:
        keys: how many there are now.
    """

    file: str
    keys: int


class SigningKeysRefused(Event, frozen=True, kw_only=True):
    """The keys of reverse-paths could not be read again: those from before go on."""

    level: ClassVar[Level] = Level.WARNING
    reason: str


class DaemonStopping(Event, frozen=True, kw_only=True):
    """The daemon was asked to stop: running transactions and tries may finish."""

    reason: str


class DaemonStopped(Event, frozen=True, kw_only=True):
    """The daemon has stopped in good order."""


class HousekeepingFailed(Event, frozen=True, kw_only=True):
    """The spool could not be tidied; it will be tried again."""

    level: ClassVar[Level] = Level.WARNING
    reason: str


class CertificatesLoaded(Event, frozen=True, kw_only=True):
    """Certificates are in force for every handshake from now on: at the start, and after they have changed.

    Attributes:
        files: where they were read from.
        names: host names they are for.
        ends: the day when the first of them is over.
    """

    files: tuple[str, ...]
    names: tuple[str, ...]
    ends: str


class CertificatesRefused(Event, frozen=True, kw_only=True):
    """Certificate files cannot be used.

    Attributes:
        reason: the file, and what is wrong with it.
        keeps: the certificates that were in force still are; else no TLS is offered.
    """

    level: ClassVar[Level] = Level.ERROR
    reason: str
    keeps: bool = False


class SelfSignedInUse(Event, frozen=True, kw_only=True):
    """For want of a certificate we show one that we made ourselves.

    Attributes:
        advice: what to do about it.
    """

    level: ClassVar[Level] = Level.WARNING
    file: str
    names: tuple[str, ...]
    advice: str


class CertificateEndsSoon(Event, frozen=True, kw_only=True):
    """A certificate is over, or will be in less than two weeks; told once a day.

    Attributes:
        ends: the day when it is over.
        days: until then; below zero when it is over.
    """

    level: ClassVar[Level] = Level.WARNING
    file: str
    names: tuple[str, ...]
    ends: str
    days: int


class SettingsReloaded(Event, frozen=True, kw_only=True):
    """The settings file was read again, and it is good.

    Attributes:
        applied: keys that have changed and are in force now.
        waiting: keys that have changed and wait for a restart.
    """

    applied: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


class SettingsRefused(Event, frozen=True, kw_only=True):
    """The settings file was read again and cannot be used: the daemon goes on with what it had.

    Attributes:
        reason: every problem, with file and line.
    """

    level: ClassVar[Level] = Level.ERROR
    reason: str


class TalliesFailed(Event, frozen=True, kw_only=True):
    """What clients and users have used up could not be read or written: counting begins anew at the next start."""

    level: ClassVar[Level] = Level.WARNING
    file: str
    reason: str
