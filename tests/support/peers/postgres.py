"""A PostgreSQL of its own, in a temporary folder, on loopback; it can die and come back."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.peers import programs
from tests.support.peers.certificates import make_certificate
from tests.support.peers.processes import PAUSE_S, START_TIMEOUT_S, PeerError, Program, folder, free_port
from tests.support.peers.programs import Tree

PASSWORD: Final = "hush"
_BIN: Final = "usr/lib/postgresql/15/bin"
_NOBODY: Final = 65534  # it will not run as root
_ENTRY: Final = "local all postgres trust\nhost all mail 127.0.0.1/32 scram-sha-256\n"


class Postgres:
    """A database cluster with one user, `mail`, who may read.

    Attributes:
        port: on 127.0.0.1.
        ca_file: vouches for its certificate, which is for localhost only.
        password_file: holds the password of `mail`.
    """

    def __init__(self, tree: Tree, base: Path, user: int | None) -> None:
        self.port = free_port()
        self.password_file = base / "password"
        certificate = make_certificate(base, "localhost")
        self.ca_file = certificate.ca_file
        self._tree = tree
        self._base = base
        self._user = user
        self._program: Program | None = None
        self.password_file.write_text(f"{PASSWORD}\n")
        self.password_file.chmod(0o600)
        self._made(certificate.chain_file)

    @property
    def url(self) -> str:
        """Where it is, for who reads."""
        return f"postgresql://mail@127.0.0.1:{self.port}/postgres"

    def _made(self, certificate: Path) -> None:
        for name in ("socket", "data"):
            (self._base / name).mkdir(mode=0o700)
        shutil.copy(certificate, self._base / "server.pem")
        (self._base / "server.pem").chmod(0o600)
        if self._user is not None:
            for name in ("socket", "data", "server.pem"):
                os.chown(self._base / name, self._user, self._user)
        data = str(self._base / "data")
        self._run(
            "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
        )
        (self._base / "data" / "pg_hba.conf").write_text(_ENTRY)

    def _run(self, name: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._tree.program(f"{_BIN}/{name}"), *arguments],
            cwd=self._base,
            env=self._tree.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user is not None else None,
        )
        if done.returncode != 0:
            raise PeerError(f"{name} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def sql(self, text: str) -> str:
        """Run *text* as the owner of everything, and return what it prints, without frames."""
        socket = str(self._base / "socket")
        told = [
            "-h",
            socket,
            "-p",
            str(self.port),
            "-U",
            "postgres",
            "-v",
            "ON_ERROR_STOP=1",
            "-qAt",
            "-c",
            text,
        ]
        return self._run("psql", *told).strip()

    def start(self) -> None:
        """Run it, and wait until it answers."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._base / "socket",
            "fsync": "off",
            "ssl": "on",
            "ssl_cert_file": self._base / "server.pem",
            "ssl_key_file": self._base / "server.pem",
        }
        command = [self._tree.program(f"{_BIN}/postgres"), "-D", str(self._base / "data")]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._program = Program(
            command, self._base / "output", environment=self._tree.environment(), user=self._user
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._program.exit_code() is None:
            with contextlib.suppress(PeerError):
                self.sql("SELECT 1")
                return
            time.sleep(PAUSE_S)
        raise PeerError(f"PostgreSQL did not start:\n{self._program.printed()}")

    def stop(self) -> None:
        """End it at once; who is connected is told so."""
        if self._program is not None:
            if self._program.exit_code() is None:
                os.kill(self._program.pid, signal.SIGINT)
                self._program.wait(START_TIMEOUT_S)
            self._program.stop()
            self._program = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it hear and never answer, for the time of a `with`."""
        assert self._program is not None
        pids = [self._program.pid, *map(int, self.sql("SELECT pid FROM pg_stat_activity").split())]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Run one for the time of a `with`; the test is skipped where it is missing."""
    tree = programs.need("postgres")
    with folder("postgres") as base:
        server = Postgres(tree, base, _NOBODY if os.geteuid() == 0 else None)
        try:
            server.start()
            server.sql(f"CREATE ROLE mail LOGIN PASSWORD '{PASSWORD}'")
            yield server
        finally:
            server.stop()
