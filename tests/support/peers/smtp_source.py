"""Postfix's smtp-source: many sessions of one message each, or of many, as fast as they are taken."""

import subprocess

from tests.support.peers import programs
from tests.support.peers.processes import PeerError


def command(
    host: str,
    port: int,
    *,
    messages: int,
    sessions: int = 1,
    size_bytes: int = 1024,
    recipients: int = 1,
    keep: bool = False,
    sender: str = "source@sender.example",
    recipient: str = "sink@receiver.example",
) -> list[str]:
    """Write the command line; *keep* sends all of a session's messages over one connection."""
    program = programs.need("postfix").program("usr/sbin/smtp-source")
    options = ["-m", str(messages), "-s", str(sessions), "-l", str(size_bytes), "-r", str(recipients)]
    options += ["-M", "source.example", "-f", sender, "-t", recipient]
    return [program, *options, *(["-d"] if keep else []), f"{host}:{port}"]


def smtp_source(
    host: str,
    port: int,
    *,
    messages: int,
    sessions: int = 1,
    size_bytes: int = 1024,
    recipients: int = 1,
    keep: bool = False,
    sender: str = "source@sender.example",
    recipient: str = "sink@receiver.example",
    timeout_s: float = 60,
) -> None:
    """Send, and return when every message has been answered 2xx.

    Raises:
        PeerError: the server refused one, or broke off; the text says which reply it was.
    """
    line = command(
        host,
        port,
        messages=messages,
        sessions=sessions,
        size_bytes=size_bytes,
        recipients=recipients,
        keep=keep,
        sender=sender,
        recipient=recipient,
    )
    done = subprocess.run(
        line,
        env=programs.need("postfix").environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        raise PeerError(f"smtp-source ended with {done.returncode}: {done.stderr or done.stdout}")
