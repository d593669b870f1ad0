"""Write the settings of a first server, unless they are there, and say what to try with it.

Everything stays below `.mailrail/`: it listens on loopback only, relays for this machine only, and keeps its mail
between runs. Edit or delete `.mailrail/mailrail.toml` as you like.
"""

from __future__ import annotations

import socket
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".mailrail"
SETTINGS = HOME / "mailrail.toml"
FIRST_PORT = 2525
PORTS_TRIED = 100

TEMPLATE = """\
# Written by `make run`; yours to change. `mailrail config reference` prints every key there is.
hostname = "{hostname}"
spool.path = "{spool}"

[[listener]]
address = "127.0.0.1:{port}"
role = "internal"

[relay]
networks = ["127.0.0.0/8", "::1"]  # this machine only: elsewhere, nobody may relay

# A domain whose server is down on purpose, so that there is something to see in the queue.
[[route]]
match = "waits.example"
next_hop = "127.0.0.1:9"
"""

WELCOME = """
mailrail listens on {address}; its settings are {settings}, its mail is in {spool}.
Three things to try from another terminal, in {root}:

  1. echo 'Hi there' | {mailrail} send --to you@waits.example --from me@example.org --server {address} --subject hello
       give it a message for a server that is down (or point any mail client at {host} port {port})
  2. {mailrail} queue list --config {config}
       see what waits, and why
  3. {mailrail} explain you@waits.example --ip 127.0.0.1 --config {config}
       ask whether mail for somebody is taken, and where it would go

To see a message arrive at another server: make demo

Stop it with Ctrl-C: it finishes what is under way, and loses nothing.
"""


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Find the first free port from 2525 on."""
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        if is_free(port):
            return port
    sys.exit(f"first run: no free port from {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1}")


def hostname() -> str:
    """Name this machine as mail wants it: a name with a dot, else one that cannot be anybody's."""
    name = socket.gethostname().lower().rstrip(".")
    labels = name.split(".")
    valid = len(labels) > 1 and all(label.replace("-", "a").isalnum() and label.isascii() for label in labels)
    if valid and not labels[-1].isdigit() and name != "localhost.localdomain":
        return name
    return "mail.localhost.example"


def main() -> int:
    """Write the settings if absent, then welcome."""
    HOME.mkdir(exist_ok=True)
    spool = HOME / "spool"
    if not SETTINGS.exists():
        SETTINGS.write_text(TEMPLATE.format(hostname=hostname(), spool=spool, port=free_port()))
    written = tomllib.loads(SETTINGS.read_text())
    address = str(written["listener"][0]["address"])
    host, _, port = address.rpartition(":")
    told = WELCOME.format(
        address=address,
        host=host,
        port=port,
        settings=SETTINGS.relative_to(ROOT),
        config=SETTINGS.relative_to(ROOT),
        spool=written.get("spool", {}).get("path", spool),
        root=ROOT,
        mailrail=".venv/bin/mailrail",
    )
    print(told, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
