"""Pebble, Let's Encrypt's small authority for trials, and its name server, beside everything else, on loopback.

It signs for anybody who proves a name by http-01, tls-alpn-01 or dns-01; every name resolves to 127.0.0.1, and TXT
records are set by a POST to the name server's management port.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import programs
from tests.support.peers.certificates import make_certificate
from tests.support.peers.processes import PAUSE_S, START_TIMEOUT_S, PeerError, Program, folder, free_port


@dataclass(frozen=True, slots=True)
class Pebble:
    """A running authority.

    Attributes:
        directory_url: where ACME begins.
        ca_file: vouches for that URL's certificate; not for those that Pebble signs.
        http_port, tls_port: where it looks for proofs.
        records_url: POST here sets records: /set-txt with {"host": "_acme-challenge.a.example.", "value": ...}.
    """

    directory_url: str
    ca_file: Path
    http_port: int
    tls_port: int
    records_url: str
    _program: Program

    def log(self) -> str:
        """What it printed."""
        return self._program.printed()


@contextlib.contextmanager
def pebble() -> Iterator[Pebble]:
    """Run Pebble for the time of a `with`; the test is skipped where it is missing."""
    tree = programs.need("pebble")
    names, records, port, management, http, tls = (free_port() for _ in range(6))
    with folder("pebble") as base, contextlib.ExitStack() as stack:
        certificate = make_certificate(base, "127.0.0.1", "localhost")
        settings = {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(certificate.chain_file),
            "privateKey": str(certificate.chain_file),
            "httpPort": http,
            "tlsPort": tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        (base / "pebble.json").write_text(json.dumps({"pebble": settings}))
        name_server = Program(
            [
                tree.program("usr/bin/pebble-challtestsrv"), "-dns01", f"127.0.0.1:{names}",
                "-management", f"127.0.0.1:{records}", "-http01", "", "-https01", "", "-tlsalpn01", "",
                "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
            ],
            base / "names.log",
        )  # fmt: skip
        stack.callback(name_server.stop)
        authority = Program(
            [
                tree.program("usr/bin/pebble"), "-strict", "-config", str(base / "pebble.json"),
                "-dnsserver", f"127.0.0.1:{names}",
            ],
            base / "pebble.log",
            environment={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
        )  # fmt: skip
        stack.callback(authority.stop)
        _wait_for(name_server, records)
        _wait_for(authority, port)
        yield Pebble(
            directory_url=f"https://127.0.0.1:{port}/dir",
            ca_file=certificate.ca_file,
            http_port=http,
            tls_port=tls,
            records_url=f"http://127.0.0.1:{records}",
            _program=authority,
        )


def _wait_for(program: Program, port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if program.exit_code() is not None:
            raise PeerError(f"{program.name} ended with {program.exit_code()}:\n{program.printed()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(PAUSE_S)
    raise PeerError(f"{program.name} does not listen at {port}:\n{program.printed()}")
