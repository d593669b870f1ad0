"""swaks: a client that does what its command line says, and shows the dialogue."""

import subprocess
from dataclasses import dataclass

from tests.support.peers import programs


@dataclass(frozen=True, slots=True)
class Dialogue:
    """How a swaks run went. `exit_code` is 0 when the message was taken; swaks(1) lists the others."""

    exit_code: int
    transcript: str

    def has_reply(self, start: str) -> bool:
        """Tell whether the server said a line starting with *start*, in clear or under TLS."""
        marks = ("<-  ", "<** ", "<~  ", "<~* ")
        return any(
            line.startswith(tuple(mark + start for mark in marks)) for line in self.transcript.splitlines()
        )


def swaks(host: str, port: int, *options: str, timeout_s: float = 60) -> Dialogue:
    """Run swaks against a server; *options* as in swaks(1), say `("--to", "a@b.example", "--tls")`."""
    tree = programs.need("swaks")
    done = subprocess.run(
        ["perl", tree.program("usr/bin/swaks"), "--server", host, "--port", str(port), *options],
        env={**tree.environment(), "HOME": "/nonexistent"},  # no ~/.swaksrc of whoever runs the tests
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
    return Dialogue(done.returncode, done.stdout)
