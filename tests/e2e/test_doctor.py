"""First steps as a person takes them: init, serve, doctor, on sockets and with a DNS of our own."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, mailrail, running
from tests.support.dnsserver import DnsServer
from tests.support.peers.processes import Program, free_port, wait_for_port
from tests.support.receiver import Receiver

from mailrail.sim import DnsFault

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HOST = "mail.test.example"
RECORDS = {
    "a.root-servers.net": ["A 198.41.0.4"],
    HOST: ["A 127.0.0.1", 'TXT "v=spf1 a -all"'],
    "ours.example": [f"MX 10 {HOST}.", 'TXT "v=spf1 mx -all"'],
    "_dmarc.ours.example": ['TXT "v=DMARC1; p=none"'],
    "probe.example": ["MX 10 mx.probe.example."],
    "mx.probe.example": ["A 127.0.0.1"],
}


def examined(daemon: Daemon, code: int, *options: str) -> dict[str, list[dict[str, str]]]:
    """Return the findings by check; the doctor must end with *code*."""
    done = daemon.command("doctor", "--json", "--probe", "probe.example", *options)
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, list[dict[str, str]]] = {}
    for line in done.stdout.splitlines():
        finding = json.loads(line)
        found.setdefault(finding["check"], []).append(finding)
    return found


def levels(found: dict[str, list[dict[str, str]]]) -> dict[str, set[str]]:
    return {check: {finding["level"] for finding in findings} for check, findings in found.items()}


def test_a_set_up_is_good_until_something_breaks(tmp_path: Path) -> None:
    inside = Receiver()
    settings: dict[str, Any] = {
        "hostname": HOST,
        "relay": {"networks": []},
        "routing": {"mx_port": inside.port, "ip_version": "4"},
        "domain": {"ours.example": {"relay_to": inside.address}},
        "tls": {"self_signed": True},
    }
    with DnsServer(RECORDS) as names, running(tmp_path, dns=_asking(names), **settings) as daemon:
        with inside:
            good = levels(examined(daemon, 0))
        assert good.pop("relay") == {"ok", "note"}, "nobody can come from outside to loopback"
        assert good.pop("root") == {"warning"}, "nobody has said who reads what cron writes"
        assert {check for check, found in good.items() if found == {"note"}} == {
            "certificate",
            "users",
            "tables",
            "agents",
            "aliases",
            "reverse",
        }
        assert {"ok"} == {level for found in good.values() for level in found} - {"note"}
        names.zone.fail("ours.example", DnsFault.SERVFAIL)
        names.zone.remove(HOST)
        daemon.stop()
        broken = levels(examined(daemon, 1))
        assert broken["server"] == {"note"}
        assert broken["ports"] == {"ok"}, "free again"
        assert broken["mx"] == broken["spf"] == {"warning"}
        assert broken["host"] == broken["hops"] == broken["outbound"] == {"error"}


def _asking(names: DnsServer) -> dict[str, list[str]]:
    return {"servers": [str(names.endpoint)]}


def test_a_silent_resolver_is_found_out_and_not_waited_for_again(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        found = examined(daemon, 1, "--only", "resolver", "--only", "mx", "--only", "host")
        assert levels(found) == {"resolver": {"error"}, "mx": {"note"}, "host": {"note"}}


def test_from_nothing_to_a_server_that_runs(tmp_path: Path) -> None:
    config, port = tmp_path / "mailrail.toml", free_port()
    done = mailrail(
        "init", "--yes", "--config", str(config), "--hostname", HOST, "--domain", "ours.example=127.0.0.1:9",
        "--listen", f"127.0.0.1:{port}", "--spool", str(tmp_path / "spool"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert mailrail("config", "check", "--config", str(config)).returncode == 0
    here = ("--only", "settings", "--only", "server", "--only", "spool", "--only", "ports", "--only", "tls")
    command = [sys.executable, "-m", "mailrail", "serve", "--config", str(config)]
    server = Program(command, tmp_path / "log")
    try:
        wait_for_port(server, "127.0.0.1", port)
        said = mailrail("doctor", "--config", str(config), *here)
        assert said.returncode == 0, said.stdout
        assert said.stdout.endswith("All is well: 5 good, 0 notes.\n")
    finally:
        server.stop()
