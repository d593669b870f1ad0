"""OpenSSL's command as a TLS client that shares no code with ours."""

import shutil
import subprocess
import time
from collections.abc import Sequence

import pytest

TIMEOUT_S = 20.0
PAUSE_S = (
    0.15  # s_client reads its commands from the input as they come, and SMTP wants one answer before the next
)


def s_client(address: str, *options: str, lines: Sequence[str] = ()) -> str:
    """Connect to *address*, say *lines* one by one, and return all that was printed.

    Write commands small: to s_client a line that begins with R means "renegotiate", and one with Q "leave".
    """
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing: `apt-get install openssl`")
    with subprocess.Popen(
        ["openssl", "s_client", "-connect", address, "-crlf", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdin is not None
        try:
            for line in lines:
                time.sleep(PAUSE_S)
                process.stdin.write(f"{line}\n")
                process.stdin.flush()
        except BrokenPipeError:
            pass  # it has given up already; what it printed says why
        return process.communicate(timeout=TIMEOUT_S)[0]
