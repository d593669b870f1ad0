"""Dovecot: its authentication server alone, or as a store that takes mail by LMTP and shows it by IMAP."""

import contextlib
import imaplib
import os
import shlex
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import programs
from tests.support.peers.processes import PAUSE_S, PeerError, Program, free_port, wait_for_port

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
    # The path of a Unix socket has at most 107 octets.
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postfix asks it as another user
        config = folder / "dovecot.conf"
        config.write_text(CONFIG.format(folder=folder, **_places(tree)))
        (folder / "state").mkdir()
        (folder / "passwords").write_text(
            "".join(f"{user}:{{PLAIN}}{word}\n" for user, word in passwords.items())
        )
        program = _start(tree, folder, config, _places(tree)["libraries"])
        try:
            _wait_for(program, folder)
            yield folder / "run" / "auth-client"
        finally:
            program.stop()


def _places(tree: programs.Tree) -> dict[str, str]:
    modules = tree.program("usr/lib/dovecot")
    return {"modules": modules, "libraries": f"{modules}:{modules}/modules/old-stats"}


def _start(tree: programs.Tree, folder: Path, config: Path, libraries: str) -> Program:
    # What the server itself would run first, from where it would be installed.
    command = [
        tree.program("usr/bin/doveconf"),
        "-f", "service=master", "-c", str(config), "-p", "-e", tree.program("usr/sbin/dovecot"), "-F", "-c", str(config),
    ]  # fmt: skip
    environment = {**tree.environment(), "LD_LIBRARY_PATH": libraries}
    return Program(command, folder / "output", environment=environment)


STORE = """\
base_dir = {folder}/run
state_dir = {folder}/state
libexec_dir = {modules}
mail_plugin_dir = {modules}/modules
default_internal_user = root
default_internal_group = root
default_login_user = nobody
protocols = lmtp
ssl = no
log_path = {folder}/log
import_environment = LD_LIBRARY_PATH={libraries}
mail_location = maildir:{folder}/mail/%d/%n
mail_uid = 65534
mail_gid = 65534
first_valid_uid = 1
lmtp_rcpt_check_quota = no
auth_mechanisms = plain
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
passdb {{
  driver = passwd-file
  args = {folder}/passwords
}}
userdb {{
  driver = passwd-file
  args = {folder}/passwords
  default_fields = uid=65534 gid=65534 home={folder}/mail/%d/%n
}}
"""


@contextlib.contextmanager
def _modules_elsewhere(tree: programs.Tree, folder: Path) -> Iterator[str]:
    """Give a library path by which Dovecot finds its modules where they were unpacked: where a package puts them is compiled in.

    In a copy of its library that path is another one, as long, which is a link.
    """
    compiled_in = b"/usr/lib/dovecot/modules"
    link = Path(tempfile.mkdtemp(prefix="mr-", dir="/tmp")) / "modules---------------"
    link = link.with_name(link.name[: len(compiled_in) - len(str(link.parent)) - 1])
    modules = Path(tree.program("usr/lib/dovecot"))
    link.symlink_to(modules / "modules")
    own = folder / "lib"
    own.mkdir()
    library = (modules / "libdovecot.so.0").read_bytes()
    (own / "libdovecot.so.0").write_bytes(library.replace(compiled_in, str(link).encode()))
    try:
        yield f"{own}:{_places(tree)['libraries']}"
    finally:
        link.unlink()
        link.parent.rmdir()


@dataclass(frozen=True, slots=True)
class Store:
    """Where mail is brought to, and read.

    Attributes:
        mail: the mailboxes, as DOMAIN/LOCAL-PART.
    """

    lmtp_socket: Path
    lmtp_port: int
    mail: Path
    _tree: programs.Tree
    _config: Path
    _libraries: str

    def imap(self, user: str) -> imaplib.IMAP4_stream:
        """Open a session as *user*, who is logged in already: the IMAP server on a pipe."""
        command = [
            "env", f"LD_LIBRARY_PATH={self._libraries}:{self._tree.library_path()}", f"USER={user}",
            f"HOME={self.mail.parent}", self._tree.program("usr/bin/doveconf"), "-f", "service=imap", "-c", str(self._config),
            "-e", self._tree.program("usr/lib/dovecot/imap"), "-u", user,
        ]  # fmt: skip
        return imaplib.IMAP4_stream(shlex.join(command))


@contextlib.contextmanager
def dovecot_store(passwords: Mapping[str, str]) -> Iterator[Store]:
    """Run it with mailboxes for the time of a `with`.

    Args:
        passwords: of each mailbox, named by its whole address.
    """
    tree = programs.need("dovecot", as_root=True)
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name, contextlib.ExitStack() as moved:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "state").mkdir()
        (folder / "mail").mkdir()
        os.chown(folder / "mail", 65534, 65534)
        (folder / "passwords").write_text(
            "".join(f"{user}:{{PLAIN}}{word}::::::\n" for user, word in passwords.items())
        )
        config = folder / "dovecot.conf"
        libraries = moved.enter_context(_modules_elsewhere(tree, folder))
        store = Store(folder / "run" / "lmtp", free_port(), folder / "mail", tree, config, libraries)
        places = {**_places(tree), "libraries": libraries}
        config.write_text(STORE.format(folder=folder, lmtp_port=store.lmtp_port, **places))
        program = _start(tree, folder, config, libraries)
        try:
            try:
                wait_for_port(program, "127.0.0.1", store.lmtp_port)
            except PeerError as error:
                log = folder / "log"
                raise PeerError(f"{error}\n{log.read_text() if log.exists() else ''}") from error
            yield store
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
