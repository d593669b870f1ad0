"""OpenSSL's command as a TLS client that shares no code with ours."""

import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Sequence
from typing import IO

import pytest

TIMEOUT_S = 20.0
# Its last line, which may stand in the middle of one of the program's own.
REPLY = re.compile(rb"(?<!\d)[2-5]\d\d [^\r\n]*\r\n")


def s_client(address: str, *options: str, lines: Sequence[str] = ()) -> str:
    """Connect to *address*, say each of *lines* when what was said before it is answered, and return all that was printed.

    Write commands small: to s_client a line that begins with R means "renegotiate", and one with Q "leave".
    """
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing: `apt-get install openssl`")
    with subprocess.Popen(
        ["openssl", "s_client", "-connect", address, "-crlf", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        printed = b""
        try:
            for line in lines:
                printed += _until_a_reply(process.stdout)
                process.stdin.write(f"{line}\n".encode())
            if lines:  # once its input ends it leaves, whatever is still to be read: a ticket of TLS 1.3, say
                printed += _until_a_reply(process.stdout)
        except BrokenPipeError:
            pass  # it has given up already; what it printed says why
        printed += process.communicate(timeout=TIMEOUT_S)[0]
    return printed.decode("utf-8", "replace").replace("\r\n", "\n")


def _until_a_reply(output: IO[bytes]) -> bytes:
    """Read until the server has answered, the program has ended, or time is over."""
    heard, deadline = b"", time.monotonic() + TIMEOUT_S
    while REPLY.search(heard) is None:
        ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
        more = os.read(output.fileno(), 65536) if ready else b""
        if not more:
            break
        heard += more
    return heard
