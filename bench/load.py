"""Load and its measure: smtp-source in front, smtp-sink behind, the clock from the first byte to the last message.

The rate counts messages *at the sink*: a server that answers 250 and forgets, or that has not delivered yet, is not fast.
"""

import contextlib
import os
import resource
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import programs, smtp_source
from tests.support.peers.processes import PeerError
from tests.support.peers.smtp_sink import Sink

TURN_TIMEOUT_S = 600.0
# Servers close a session after so many messages (mailrail: 1,000, RFC 9422 MAILMAX), which smtp-source takes for an
# error; so a longer turn is several runs, for every subject alike. Sessions do not share evenly: stay well below.
MOST_PER_SESSION = 500


@dataclass(frozen=True, slots=True)
class Load:
    """What smtp-source sends."""

    sessions: int = 50
    size_bytes: int = 4096
    recipients: int = 1
    keep: bool = False
    recipient: str = "user@sink.bench.example"


@dataclass(frozen=True, slots=True)
class Turn:
    """One measured turn."""

    messages: int
    accepted_s: float  # until smtp-source had its last 250
    arrived_s: float  # until the last message was at the sink

    @property
    def rate(self) -> float:
        """Messages a second, from start to the last arrival."""
        return self.messages / self.arrived_s


def send(host: str, port: int, load: Load, messages: int) -> float:
    """Send *messages* and return the seconds until the last 250.

    Raises:
        PeerError: one was refused.
    """
    started = time.perf_counter()
    left = messages
    while left > 0:
        part = min(left, load.sessions * MOST_PER_SESSION) if load.keep else left
        _send_part(host, port, load, part)
        left -= part
    return time.perf_counter() - started


def _send_part(host: str, port: int, load: Load, messages: int) -> None:
    line = smtp_source.command(
        host,
        port,
        messages=messages,
        sessions=min(load.sessions, messages),
        size_bytes=load.size_bytes,
        recipients=load.recipients,
        keep=load.keep,
        recipient=load.recipient,
    )
    done = subprocess.run(
        line,
        env=programs.need("postfix").environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TURN_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise PeerError(f"smtp-source ended with {done.returncode}: {done.stderr or done.stdout}")


def relay(host: str, port: int, sink: Sink, load: Load, messages: int) -> Turn:
    """Send *messages* through a server and wait until the sink has them all.

    Raises:
        PeerError: some did not arrive, or more arrived than were sent.
    """
    before = sink.count()
    started = time.perf_counter()
    accepted_s = send(host, port, load, messages)
    sink.wait_for(before + messages, TURN_TIMEOUT_S)
    arrived_s = time.perf_counter() - started
    extra = sink.count() - before - messages
    if extra > 0:
        raise PeerError(f"{extra} more messages arrived than were sent")
    return Turn(messages, accepted_s, arrived_s)


def calibrate(host: str, port: int, sink: Sink, load: Load, seconds: float) -> int:
    """Warm a server up and return how many messages keep it busy for about *seconds*."""
    probe = relay(host, port, sink, load, 20 * load.sessions)
    wanted = int(probe.rate * seconds)
    return max(20 * load.sessions, wanted - wanted % load.sessions)


def wait_until_quiet(pid: int, idle_s: float = 0.5, timeout_s: float = 60.0) -> None:
    """Wait until a process and its descendants use next to no processor time: its turn is over, the next one may start."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        before = sum(_ticks(one) for one in _family(pid))
        time.sleep(idle_s)
        if sum(_ticks(one) for one in _family(pid)) - before <= 2:
            return


def cpu_s(pid: int) -> float:
    """Processor time that a process and its living descendants have used so far, in the system too."""
    return sum(cpu_parts_s(pid))


def cpu_parts_s(pid: int) -> tuple[float, float]:
    """Processor time that a process and its living descendants have used so far: in user space, and in the system."""
    user, system = zip(*(_both_ticks(one) for one in _family(pid)), strict=True)
    second = os.sysconf("SC_CLK_TCK")
    return sum(user) / second, sum(system) / second


def load_cpu_s(sink: Sink) -> float:
    """Processor time that the load of all turns, and *sink*, have used so far."""
    return cpu_s(sink.program.pid) + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def _ticks(pid: int) -> int:
    return sum(_both_ticks(pid))


def _both_ticks(pid: int) -> tuple[int, int]:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0  # it ended meanwhile
    return int(fields[11]), int(fields[12])


def memory_mb(pid: int, field: str = "VmHWM") -> float:
    """Memory of a process and its descendants in MB: `VmHWM` its peak so far, `VmRSS` now."""
    return sum(_status_kb(one, field) for one in _family(pid)) / 1000


def shared_once_mb(pid: int) -> float:
    """Memory of a process and its descendants in MB now, what several share counted once (proc(5), Pss)."""
    return sum(_pss_kb(one) for one in _family(pid)) / 1000


def _pss_kb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0  # it ended meanwhile
    found = [line.split()[1] for line in lines if line.startswith("Pss:")]
    return float(found[0]) * 1.024 if found else 0.0


def _status_kb(pid: int, field: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0  # it ended meanwhile
    found = [line.split()[1] for line in lines if line.startswith(field + ":")]
    return float(found[0]) * 1.024 if found else 0.0


def _family(pid: int) -> list[int]:
    children: Mapping[int, list[int]] = _children()
    family, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        family.append(one)
        waiting += children.get(one, [])
    return family


def _children() -> dict[int, list[int]]:
    result: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        result.setdefault(parent, []).append(int(stat.parent.name))
    return result


def forget_peak_memory(pid: int) -> None:
    """Start `VmHWM` anew at what is resident now (proc(5), clear_refs), for a process and its descendants."""
    for one in _family(pid):
        with contextlib.suppress(OSError):
            Path(f"/proc/{one}/clear_refs").write_text("5")
