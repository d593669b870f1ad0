"""Floor 5 · doctor — the machine: the running server, the spool's directory, the ports, the clock."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from pwd import getpwuid

from mailrail.doctor.api import Finding, Site, error, good, note, warning
from mailrail.model import SECOND_US, NetError, id_time_us, utc
from mailrail.net import Connection, Endpoint, listening_mend
from mailrail.spool import Survey, survey

_LEEWAY_US = 60 * SECOND_US  # ours; clocks are set by small steps all the time


async def server(site: Site) -> Sequence[Finding]:
    """Is the server there, and does it run with these settings?"""
    status = site.status
    if status is None:
        return [
            note(
                "no server answers",
                site.silence,
                f"start it: mailrail serve --config {site.config}; if it runs, run this as the user that it runs as",
            )
        ]
    findings = []
    if status.trouble:
        findings.append(
            error("the server takes no mail now", status.trouble, "free what it lacks; it goes on by itself")
        )
    findings += [
        warning(
            f"worker {number} does not answer",
            "mail that it was given waits in its spool",
            "see the log for WorkerEnded; the supervisor starts it again",
        )
        for number in site.silent
    ]
    told = set(status.listeners)
    missing = [
        str(one.endpoint)
        for one in site.settings.listener
        if one.endpoint.port and str(one.endpoint) not in told
    ]
    if status.hostname != site.settings.hostname or missing:
        changed = f"it calls itself {status.hostname} and listens at {', '.join(status.listeners)}"
        findings.append(
            warning(
                "the server runs with other settings than the file has now",
                changed,
                "restart it: host name and addresses are read at the start only",
            )
        )
    return findings or [good(f"mailrail {status.version} runs as process {status.pid} and takes mail")]


async def spool(site: Site) -> Sequence[Finding]:
    """May mail be stored: directory, owner, mode, space, SQLite, lock?"""
    path = site.settings.spool.path
    found = await _survey(site)
    if not found.is_there:
        return [_not_there(site, path)]
    if found.trouble:
        return [error(f"the spool in {path} cannot be used", found.trouble, _as_owner(path))]
    return [*_faults(site, path, found)] or [
        good(f"{path} is private, with {found.free_bytes / 1024**3:.1f} GiB free")
    ]


def _faults(site: Site, path: Path, found: Survey) -> list[Finding]:
    faults = []
    if found.is_open:
        faults.append(
            error(
                f"others may write to {path}",
                "whoever can write there can read and forge mail",
                f"chmod 700 {path}",
            )
        )
    if found.owner != os.geteuid():
        owner = _user(found.owner)
        faults.append(
            note(
                f"{path} belongs to {owner}, and you are {_user(os.geteuid())}",
                "the server starts only as its owner",
                f"run mailrail as {owner}, or chown -R the directory to the user that it shall run as",
            )
        )
    if not found.has_space:
        faults.append(
            error(
                f"too little is free on the disk of {path}",
                f"{found.free_bytes / 1000**2:.0f} MB are free, and new mail is refused (452) when less than the reserve would stay",
                "free some space, name a larger disk by spool.path, or lower spool.reserve_bytes, reserve_share or reserve_inodes",
            )
        )
    if found.holder and site.status is None:
        faults.append(
            error(
                f"{path} is in use by {found.holder}, which does not answer at the admin socket",
                site.silence,
                "stop that process, or give this server another spool.path; if it is the same server, make admin.socket the same",
            )
        )
    return faults


def _not_there(site: Site, path: Path) -> Finding:
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if os.access(above, os.W_OK | os.X_OK):
        return note(f"{path} is not there yet", "the server makes it at its first start")
    return error(
        f"{path} is not there, and you may not make it",
        f"{above} belongs to {_user(above.stat().st_uid)}",
        f"as root: install -d -m 700 -o USER {path}, with the user that mailrail runs as",
    )


def _as_owner(path: Path) -> str:
    return f"run this as the owner of {path}, or as root; if that was so, mend what the text names"


def _user(number: int) -> str:
    try:
        return getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


async def _survey(site: Site) -> Survey:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, survey, site.disk, site.settings.spool)


async def ports(site: Site) -> Sequence[Finding]:
    """Are the addresses to listen at ours or free?"""
    told = set(site.status.listeners) if site.status else set()
    return [_port(site, listener.endpoint, told) for listener in site.settings.listener]


def _port(site: Site, endpoint: Endpoint, told: set[str]) -> Finding:
    if str(endpoint) in told:
        return good(f"the server listens at {endpoint}")
    if endpoint.is_unix:
        # Not tried: what a dead server left there would be removed.
        parent = Path(endpoint.host).parent
        if parent.is_dir():
            return good(f"{endpoint} has a directory")
        return error(f"{parent} is not there", f"the socket {endpoint} cannot be made", f"mkdir {parent}")
    try:
        site.network.listen(endpoint, _turn_away).close()
    except NetError as trouble:
        mend = listening_mend(trouble) or "name another address in [[listener]]"
        return error(f"{endpoint} cannot be listened at", str(trouble), mend)
    return good(f"{endpoint} is free")


def _turn_away(connection: Connection) -> None:
    connection.abort()


async def clock(site: Site) -> Sequence[Finding]:
    """Does the clock go? Without the network only what lies behind us can be compared."""
    now_us = site.clock.now_us()
    found = await _survey(site)
    marks = {
        "the files of this program": Path(__file__).stat().st_mtime_ns // 1000,
        "the database of the spool": found.changed_us,
        "the newest message in the spool": id_time_us(found.newest) if found.newest else 0,
    }
    mark, latest_us = max(marks.items(), key=lambda pair: pair[1])
    if now_us + _LEEWAY_US < latest_us:
        return [
            error(
                f"the clock says {utc(now_us):%Y-%m-%d %H:%M}, but {mark} is of {utc(latest_us):%Y-%m-%d %H:%M} UTC",
                "retries, certificates and dates of mail go by it",
                "set it, and keep it right: timedatectl set-ntp true",
            )
        ]
    return [good(f"the clock says {utc(now_us):%Y-%m-%d %H:%M} UTC, later than all that is here")]
