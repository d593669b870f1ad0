"""A set-up to be looked at, in a make-believe world: `found("mx", tmp_path, records={...})`."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.daemon import toml
from tests.support.fake_resolver import FakeResolver
from tests.support.memory_net import MemoryNetwork

from mailrail.admin import CertificateRow, Status
from mailrail.config import load
from mailrail.doctor import CHECKS, Finding, Level, Result, Site, examine
from mailrail.model import SystemClock, system_rng
from mailrail.sim import simulate
from mailrail.spool import Disk, SystemDisk

HOST = "mx1.example.org"
OURS = "8.8.4.4"
OURS6 = "2606:4700::1"
NOW_US = 1_800_000_000_000_000
RECORDS: Mapping[str, Sequence[str]] = {
    "a.root-servers.net": ["A 198.41.0.4"],
    HOST: [f"A {OURS}", f"AAAA {OURS6}", 'TXT "v=spf1 a -all"'],
    "example.org": [f"MX 10 {HOST}.", 'TXT "v=spf1 mx -all"', 'TXT "something=else"'],
    "_dmarc.example.org": ['TXT "v=DMARC1; p=none"'],
    "4.4.8.8.in-addr.arpa": [f"PTR {HOST}."],
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.6.0.6.2.ip6.arpa": [f"PTR {HOST}."],
    "gmail.com": ["MX 5 mx.gmail.com."],
    "mx.gmail.com": ["A 142.250.1.1"],
}
SETTINGS: Mapping[str, Any] = {"hostname": HOST, "domain": {"example.org": {"relay_to": "10.0.0.5:25"}}}


class At:
    """A clock that stands still."""

    def __init__(self, now_us: int = NOW_US) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us


def status(**over: Any) -> Status:
    """What a healthy server with these settings says."""
    row = CertificateRow(file="/c", names=(HOST,), issuer="CN=x", ends_us=NOW_US, is_self_signed=True)
    usual = {
        "version": "0.1.0",
        "hostname": HOST,
        "pid": 7,
        "started_us": 0,
        "now_us": 1,
        "listeners": ("0.0.0.0:25",),
        "certificates": (row,),
    }
    return Status(**{**usual, **over})


World = Callable[[MemoryNetwork], Awaitable[None]]


def site(
    base: Path,
    network: MemoryNetwork,
    *,
    settings: Mapping[str, Any] = SETTINGS,
    records: Mapping[str, Sequence[str]] | None = None,
    broken: Collection[str] = (),
    is_down: bool = False,
    own: Collection[str] = (OURS, OURS6),
    status: Status | None = None,
    now_us: int | None = None,
    disk: Disk | None = None,
    silent: tuple[int, ...] = (),
) -> Site:
    """Make the set-up; *records* stand for those of RECORDS with the same name."""
    file = base / "mailrail.toml"
    whole = {"spool": {"path": base / "spool"}, **settings}
    file.write_text("".join(f"{name} = {toml(value)}\n" for name, value in whole.items()))
    return Site(
        config=file,
        settings=load(file),
        network=network,
        resolver=FakeResolver({**RECORDS, **(records or {})}, broken=broken, is_down=is_down),
        clock=SystemClock() if now_us is None else At(now_us),
        rng=system_rng(),
        disk=disk or SystemDisk(),
        is_own_address=lambda address: address in own,
        addresses=tuple(own),
        status=status,
        silence="nobody answers at admin.sock",
        silent=silent,
    )


def found(check: str, base: Path, world: World | None = None, **how: Any) -> list[Finding]:
    """Do one check, in simulated time; *world* puts others into the network first."""

    async def main() -> list[Finding]:
        network = MemoryNetwork()
        if world is not None:
            await world(network)
        return list(await CHECKS[check].run(site(base, network, **how)))

    return simulate(main())


def checkup(base: Path, only: Collection[str] = (), **how: Any) -> list[Result]:
    """Do every check, or *only* some."""

    async def main() -> list[Result]:
        return [result async for result in examine(site(base, MemoryNetwork(), **how), only)]

    return simulate(main())


def only(findings: Sequence[Finding], level: Level) -> Finding:
    """Return the one finding there is, which must be of *level*, and must say what to do if it is bad."""
    (finding,) = findings
    assert finding.level is level, finding
    assert level in (Level.OK, Level.NOTE) or (finding.why and finding.mend), finding
    return finding


async def settle() -> None:
    """Let the others begin."""
    await asyncio.sleep(0)
