"""The real daemon as a process of its own, on loopback, with settings written for one test.

    with running(tmp_path, route=[to(receiver.address)]) as daemon:
        ...                      # daemon.address, daemon.events("RecipientDelivered")
        daemon.kill()            # or daemon.stop(): SIGTERM, must end in time with exit code 0
        daemon.start()           # again, on the same spool and port

Unless a test says otherwise the daemon is one process, whatever the machine, relays for loopback, tries again after
a second, offers no TLS, and asks nobody for names: no test may send a question to the world.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tests.support.peers.processes import PAUSE_S, PeerError, Program, free_port, wait_for_port

Values: TypeAlias = Mapping[str, Any]

STOP_TIMEOUT_S = 20.0
EVENT_TIMEOUT_S = 20.0
COMMAND_TIMEOUT_S = 30.0
NOBODY_TO_ASK = "127.0.0.1:9"  # "discard": refuses at once
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

DEFAULTS: Values = {
    "hostname": "mail.test.example",
    "workers": 1,
    "relay": {"networks": ["127.0.0.0/8"]},
    "dns": {"servers": [NOBODY_TO_ASK], "timeout_s": "1s", "tries": 1, "deadline_s": "2s"},
    "queue": {
        "retry": {"first_s": "1s", "longest_s": "2s", "ours_s": "1s"},
        "window": {"sleep_first_s": "1s", "sleep_longest_s": "2s"},
        "poll_s": 0.2,
    },
    "timeouts": {"drain_s": "5s"},
    "tls": {"self_signed": False},
    "log": {"format": "json", "level": "debug"},
}


def toml(value: object) -> str:
    """Write *value* as TOML; tables are written inline, so that every key stands on the line of its table."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, Path):
        return toml(str(value))
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def merged(base: Values, over: Values) -> dict[str, Any]:
    """Return *base* with what *over* says instead, tables joined key by key."""
    result = dict(base)
    for name, value in over.items():
        old = result.get(name)
        is_table = isinstance(value, Mapping) and isinstance(old, Mapping)
        result[name] = merged(old, value) if is_table and isinstance(old, Mapping) else value
    return result


def to(next_hop: str, match: str = "*", **hop: object) -> dict[str, object]:
    """Write a route; *hop* may hold `tls`, `lmtp`, `login` ..."""
    return {"match": match, "next_hop": next_hop, **hop}


class Daemon:
    """One mailrail, started and ended as often as a test wants, always on the same spool and port.

    Attributes:
        host, port: of its first listener.
        config: its settings file.
        spool: the spool's folder.
        under: a command that runs the program, `("prlimit", "--nofile=64")` for one.
    """

    host = "127.0.0.1"
    under: Sequence[str] = ()

    def __init__(self, base: Path, settings: Values, *, environment: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.config = base / "mailrail.toml"
        self.spool = base / "spool"
        self._output = base / "log"
        self._environment = {**os.environ, **(environment or {})}
        self._program: Program | None = None
        first, *further = settings.get("listener", [{}])
        whole = merged(DEFAULTS, {"spool": {"path": self.spool}, **settings})
        whole["listener"] = [{"address": self.address, "role": "mx", **first}, *further]
        self.write_settings(whole)

    def write_settings(self, settings: Values) -> None:
        """Write the settings file anew; it is read at the next start."""
        self.config.write_text("".join(f"{_key(name)} = {toml(value)}\n" for name, value in settings.items()))

    @property
    def address(self) -> str:
        """`host:port` of the first listener."""
        return f"{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running daemon."""
        return self._running().pid

    def hang_up(self) -> None:
        """Have it read settings and certificates again, by SIGHUP."""
        os.kill(self.pid, signal.SIGHUP)

    def _running(self) -> Program:
        assert self._program is not None, "the daemon was not started"
        return self._program

    # --- Life -------------------------------------------------------------------------

    def launch(self) -> Program:
        """Start the process and do not wait for anything."""
        command = [*self.under, sys.executable, "-m", "mailrail", "serve", "--config", str(self.config)]
        self._program = Program(command, self._output, environment=self._environment)
        return self._program

    def start(self) -> None:
        """Start it and wait for its greeting."""
        wait_for_port(self.launch(), self.host, self.port)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End it by SIGTERM; it must end in time, in good order."""
        program = self._running()
        os.kill(program.pid, signal.SIGTERM)
        try:
            code = program.wait(timeout_s)
        except subprocess.TimeoutExpired:
            program.stop()
            raise PeerError(f"SIGTERM did not end it within {timeout_s} s:\n{self.log()}") from None
        if code != 0:
            raise PeerError(f"it ended with {code}:\n{self.log()}")

    def kill(self) -> None:
        """End it by SIGKILL, all of its processes, as a power cut of the program."""
        program = self._running()
        workers = self.worker_pids()
        os.killpg(program.pid, signal.SIGKILL)  # it has a session of its own
        program.wait(STOP_TIMEOUT_S)
        while any(map(is_alive, workers)):  # until then they hold the port
            time.sleep(PAUSE_S)

    def end(self) -> None:
        """End it by any means; for when a test is over."""
        if self._program is not None:
            self._program.stop()

    def worker_pids(self) -> list[int]:
        """Return the processes of its workers, the oldest first; none where it is one process."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    # --- What it tells ----------------------------------------------------------------

    def log(self) -> str:
        """All that every run of it has printed."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def events(self, name: str = "", **fields: object) -> list[dict[str, Any]]:
        """Return the logged events with this *name* (all if empty) and these *fields*, oldest first."""
        found = []
        for line in self.log().splitlines():
            if not line.startswith("{") or not line.endswith("}"):
                continue
            event = json.loads(line)
            if name in ("", event["event"]) and fields.items() <= event.items():
                found.append(event)
        return found

    def wait_for(
        self, name: str, count: int = 1, timeout_s: float = EVENT_TIMEOUT_S, **fields: object
    ) -> list[dict[str, Any]]:
        """Wait until *count* such events were logged and return them.

        Raises:
            PeerError: they were not in time; the text holds the log.
        """
        deadline = time.monotonic() + timeout_s
        while len(found := self.events(name, **fields)) < count:
            if time.monotonic() > deadline:
                raise PeerError(f"{len(found)} of {count} {name} {fields} in {timeout_s} s:\n{self.log()}")
            time.sleep(PAUSE_S)
        return found

    def errors(self) -> list[dict[str, Any]]:
        """Return what it logged as a fault of its own; most tests want none."""
        return [event for event in self.events() if event["level"] == "error"]

    # --- Its operator -----------------------------------------------------------------

    def command(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `mailrail ARGUMENTS --config FILE` as its operator would."""
        return mailrail(*arguments, "--config", str(self.config), stdin=stdin)

    def queue(self, *options: str) -> list[dict[str, Any]]:
        """Return what `mailrail queue list --json` lists.

        Raises:
            PeerError: the command failed.
        """
        done = self.command("queue", "list", "--json", "--limit", "0", *options)
        if done.returncode != 0:
            raise PeerError(f"queue list ended with {done.returncode}: {done.stderr}\n{self.log()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_for_empty_queue(self, timeout_s: float = EVENT_TIMEOUT_S) -> None:
        """Wait until nothing is queued.

        Raises:
            PeerError: something still is.
        """
        deadline = time.monotonic() + timeout_s
        while waiting := self.queue():
            if time.monotonic() > deadline:
                raise PeerError(f"still queued after {timeout_s} s: {waiting}\n{self.log()}")
            time.sleep(0.1)

    def peak_memory_kib(self) -> int:
        """Return the most memory it ever had in use (VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def mailrail(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program `mailrail` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mailrail", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )


@contextlib.contextmanager
def running(
    base: Path, *, environment: Mapping[str, str] | None = None, under: Sequence[str] = (), **settings: object
) -> Iterator[Daemon]:
    """Run a daemon in the folder *base* for the time of a `with`.

    Args:
        base: an empty folder.
        environment: further variables for the process.
        under: a command that runs it, see `Daemon`.
        settings: top-level keys of the settings file, joined with DEFAULTS table by table; the first
            `listener` needs no address.
    """
    daemon = Daemon(base, settings, environment=environment)
    daemon.under = under
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.end()
