"""Dovecot's authentication server, and nothing else of Dovecot."""

import contextlib
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.peers import programs
from tests.support.peers.processes import PAUSE_S, PeerError, Program

START_TIMEOUT_S = 30.0
CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
libexec_dir = {modules}
default_internal_user = root
default_internal_group = root
default_login_user = nobody
protocols =
ssl = no
log_path = {folder}/log
import_environment = LD_LIBRARY_PATH={libraries}
auth_failure_delay = 0
auth_mechanisms = plain login
service auth {{
  unix_listener auth-client {{
    mode = 0666
  }}
}}
passdb {{
  driver = passwd-file
  args = {folder}/passwords
}}
userdb {{
  driver = static
  args = uid=0 gid=0 home=/nonexistent
}}
"""


@contextlib.contextmanager
def dovecot(passwords: Mapping[str, str]) -> Iterator[Path]:
    """Run it for the time of a `with`; gives its socket for authentication clients.

    Args:
        passwords: of each user.
    """
    tree = programs.need("dovecot", as_root=True)
    modules = tree.program("usr/lib/dovecot")
    libraries = f"{modules}:{modules}/modules/old-stats"
    # The path of a Unix socket has at most 107 octets.
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postfix asks it as another user
        config = folder / "dovecot.conf"
        config.write_text(CONFIG.format(folder=folder, modules=modules, libraries=libraries))
        (folder / "state").mkdir()
        (folder / "passwords").write_text(
            "".join(f"{user}:{{PLAIN}}{word}\n" for user, word in passwords.items())
        )
        server = tree.program("usr/sbin/dovecot")
        # What the server itself would run first, from where it would be installed.
        command = [
            tree.program("usr/bin/doveconf"),
            "-f",
            "service=master",
            "-c",
            str(config),
            "-p",
            "-e",
            server,
            "-F",
        ]
        environment = {**tree.environment(), "LD_LIBRARY_PATH": libraries}
        program = Program([*command, "-c", str(config)], folder / "output", environment=environment)
        try:
            _wait_for(program, folder)
            yield folder / "run" / "auth-client"
        finally:
            program.stop()


def _wait_for(program: Program, folder: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and program.exit_code() is None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(START_TIMEOUT_S)
            client.connect(str(folder / "run" / "auth-client"))
            if client.recv(100).startswith(b"VERSION"):
                return
        time.sleep(PAUSE_S)
    log = folder / "log"
    raise PeerError(f"dovecot did not start:\n{program.printed()}\n{log.read_text() if log.exists() else ''}")
