"""Show mailrail at work: client -> mailrail -> a second mail server, on loopback, over in seconds.

Starts a receiving server of mailrail's library and, next to it, the mailrail daemon with a route to it; sends one real message through by
a real client (swaks where it is, else Python's smtplib), and shows it as it arrived, with the trace each hop left.
Ends with 0 if it did. Everything lives in a temporary folder and is gone afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from mailrail.model import Envelope, Reply
from mailrail.server import Handler, Server, SessionFacts

ROOT = Path(__file__).resolve().parent.parent
HOSTNAME = "mail.demo.example"
SENDER, RECIPIENT = "ann@sender.example", "bob@receiver.example"
SUBJECT = "Hello through mailrail"
START_TIMEOUT_S = 20.0
ARRIVAL_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 15.0

SETTINGS = """\
hostname = "{hostname}"
spool.path = "{spool}"

[[listener]]
address = "127.0.0.1:{port}"
role = "internal"

[relay]
networks = ["127.0.0.0/8", "::1"]

[[route]]
match = "*"
next_hop = "127.0.0.1:{next_port}"
tls = "none"
"""


class DemoError(Exception):
    """The demonstration did not go as it should; the text says where."""


def say(text: str) -> None:
    """Announce a step."""
    print(f"\n== {text}", flush=True)


def show(text: str) -> None:
    """Show something indented, so that it stands apart from what we say."""
    print("".join(f"   | {line}\n" for line in text.splitlines()), end="", flush=True)


def free_port() -> int:
    """Ask the kernel for a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Inbox:
    """What the receiving server was given."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.message = b""


class Receiver(Handler):
    """Takes mail for anybody: all that a receiving server of one's own needs."""

    def __init__(self, session: SessionFacts, inbox: Inbox) -> None:
        super().__init__(session)
        self._inbox = inbox

    async def message(self, envelope: Envelope, content: bytes) -> Reply:
        """Keep the message."""
        self._inbox.message = content
        self._inbox.arrived.set()
        return await super().message(envelope, content)


def wait_for_greeting(daemon: subprocess.Popen[bytes], port: int) -> str:
    """Wait for the 220 of the daemon just started."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and daemon.poll() is None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
        ):
            greeting = connection.recv(512).decode("ascii", "replace").strip()
            if greeting.startswith("220"):
                connection.sendall(b"QUIT\r\n")
                return greeting
        time.sleep(0.05)
    raise DemoError(f"mailrail did not greet on port {port}")


@contextlib.contextmanager
def mailrail(folder: Path, next_port: int) -> Iterator[int]:
    """Run the daemon with a route to the receiving server."""
    port = free_port()
    settings = folder / "mailrail.toml"
    settings.write_text(
        SETTINGS.format(hostname=HOSTNAME, spool=folder / "spool", port=port, next_port=next_port)
    )
    show(settings.read_text())
    log = folder / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "mailrail", "serve", "--config", str(settings)]
        daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        show(wait_for_greeting(daemon, port))
        yield port
    except DemoError as error:
        raise DemoError(f"{error}; its log:\n{log.read_text(errors='replace')[-3000:]}") from None
    finally:
        daemon.terminate()
        try:
            daemon.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def find_swaks() -> str | None:
    """Find swaks, unpacked beside the project or installed."""
    unpacked = ROOT / ".mailrail" / "peers" / "swaks" / "usr" / "bin" / "swaks"
    if shutil.which("perl") is None:
        return None
    return str(unpacked) if unpacked.exists() else shutil.which("swaks")


def send_by_swaks(swaks: str, port: int) -> None:
    """Send the message by swaks and show the dialogue."""
    command = [
        "perl",
        swaks,
        "--server",
        "127.0.0.1",
        "--port",
        str(port),
        "--from",
        SENDER,
        "--to",
        RECIPIENT,
    ]
    command += ["--helo", "laptop.sender.example", "--h-Subject", SUBJECT, "--body", "It arrived."]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    show(done.stdout.decode("utf-8", "replace"))
    if done.returncode != 0:
        raise DemoError(f"swaks ended with {done.returncode}")


def send_by_smtplib(port: int) -> None:
    """Send the message by Python's own client."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, RECIPIENT, SUBJECT
    message.set_content("It arrived.\n")
    with smtplib.SMTP("127.0.0.1", port, local_hostname="laptop.sender.example", timeout=30) as client:
        client.send_message(message)


def check_arrival(inbox: Inbox, sent_at: float) -> None:
    """Wait for the message, show it, and see that mailrail left its trace."""
    if not inbox.arrived.wait(ARRIVAL_TIMEOUT_S):
        raise DemoError("the message did not arrive")
    say(f"it arrived {time.monotonic() - sent_at:.2f} s after the client started; newest trace first")
    show(inbox.message.decode("utf-8", "replace"))
    arrived = email.message_from_bytes(inbox.message)
    traces = arrived.get_all("Received", [])
    if arrived["Subject"] != SUBJECT:
        raise DemoError("it is not the message that was sent")
    if not any(f"by {HOSTNAME}" in " ".join(trace.split()) for trace in traces):
        raise DemoError(f"no Received line names {HOSTNAME}")


def show_a_message(next_port: int, inbox: Inbox) -> None:
    """Run the daemon, send it a message, and see that it arrives."""
    with tempfile.TemporaryDirectory(prefix="mailrail-demo-") as folder:
        say("mailrail starts beside it, with these settings")
        with mailrail(Path(folder), next_port) as port:
            sent_at = time.monotonic()
            swaks = find_swaks()
            say(f"{'swaks' if swaks else 'smtplib'} sends a message for {RECIPIENT} to 127.0.0.1:{port}")
            if swaks is not None:
                send_by_swaks(swaks, port)
            else:
                send_by_smtplib(port)
            check_arrival(inbox, sent_at)
        say("mailrail has stopped; that was all")


async def main() -> None:
    """Run the receiving server on this loop, and everything else, which blocks, beside it."""
    inbox = Inbox()
    hostname = "mx.receiver.example"
    async with Server(
        lambda session: Receiver(session, inbox), hostname=hostname, listen="127.0.0.1:0"
    ) as server:
        port = server.endpoints[0].port
        say(f"a receiving server listens on 127.0.0.1:{port}")
        await asyncio.to_thread(show_a_message, port, inbox)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except DemoError as error:
        sys.exit(f"demo: {error}")
