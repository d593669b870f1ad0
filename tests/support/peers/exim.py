"""Exim beside everything else, without a privilege: own configuration, spool and log, on loopback.

Its binary is copied, without its set-uid bit, to where an unprivileged user may run it: started as root, Exim
would change to its own account, and a working tree below a closed home directory cannot be entered. The account
of its Debian package, without which it does not start, exists for it alone, by nss_wrapper.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.support.peers import programs
from tests.support.peers.certificates import make_certificate
from tests.support.peers.mail_server import MailServer
from tests.support.peers.processes import Program, folder, free_port, wait_for_port
from tests.support.peers.programs import Tree

NOBODY = 65534  # Debian's `nobody` and `nogroup`
ACCOUNT = "Debian-exim"  # compiled in

CONFIGURATION = """\
primary_hostname = {hostname}
exim_user = {user}
exim_group = {group}
spool_directory = {base}/spool
log_file_path = {base}/%slog
pid_file_path = {base}/exim.pid
never_users =
deliver_drop_privilege
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = {tls_hosts}
tls_certificate = {base}/chain.pem
tls_privatekey = {base}/chain.pem
pipelining_advertise_hosts = *
chunking_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
prdr_enable
accept_8bitmime = {may_8bit}
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 100
keep_environment = LD_LIBRARY_PATH : LD_PRELOAD : ^NSS_WRAPPER
log_selector = +smtp_protocol_error +smtp_syntax_error +received_recipients +sender_on_delivery +dnssec
domainlist kept = {accept}
acl_smtp_rcpt = rcpt
acl_smtp_data = accept_all
begin acl
rcpt:
  accept domains = +kept
  accept hosts = 127.0.0.1
accept_all:
  accept
begin routers
kept:
  driver = accept
  domains = +kept
  transport = keep
{relay_router}
begin transports
keep:
  driver = appendfile
  directory = {base}/mail
  maildir_format
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
relay:
  driver = smtp
  # The default is the name `smtp`, which a bare machine has no table for.
  port = 25
  hosts_try_chunking = *
  dnssec_request_domains =
begin retry
* * F,1h,5s
"""

RELAY_ROUTER = """\
relay:
  driver = manualroute
  domains = ! +kept
  transport = relay
  route_list = * {host}::{port} byname
  self = send
"""


@contextlib.contextmanager
def exim(
    *,
    accept: tuple[str, ...] = (),
    relay_to: tuple[str, int] | None = None,
    tls: bool = True,
    may_8bit: bool = True,
    hostname: str = "exim.example",
) -> Iterator[MailServer]:
    """Run an Exim of our own (CHUNKING, PRDR, DSN, SMTPUTF8, PIPELINING, STARTTLS).

    Args:
        accept: domains it takes mail for, with any local part; read it by `mail()`.
        relay_to: host and port that everything else goes to; without it the rest bounces.
        tls: offer STARTTLS with a certificate for *hostname*, localhost and 127.0.0.1 (`ca.pem` vouches).
        may_8bit: offer 8BITMIME.
    """
    tree = programs.need("exim")
    with folder("exim") as base:
        port = free_port()
        user, group = (NOBODY, NOBODY) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        make_certificate(base, hostname, "localhost", "127.0.0.1")
        (base / "exim.conf").write_text(
            CONFIGURATION.format(
                hostname=hostname,
                user=user,
                group=group,
                base=base,
                port=port,
                tls_hosts="*" if tls else "",
                may_8bit="true" if may_8bit else "false",
                accept=" : ".join(accept),
                relay_router=RELAY_ROUTER.format(host=relay_to[0], port=relay_to[1]) if relay_to else "",
            )
        )
        environment = tree.environment() | _copy_program(tree, base, user, group)
        os.chown(base, user, group)
        program = Program(
            [str(base / "exim4"), "-C", str(base / "exim.conf"), "-bdf", "-q5s"],
            base / "output",
            environment=environment,
            user=user if os.geteuid() == 0 else None,
        )
        try:
            wait_for_port(program, "127.0.0.1", port)
            yield MailServer(
                host="127.0.0.1",
                port=port,
                hostname=hostname,
                folder=base,
                maildir=base / "mail",
                log_file=base / "mainlog",
                program=program,
            )
        finally:
            program.stop()


def _copy_program(tree: Tree, base: Path, user: int, group: int) -> dict[str, str]:
    """Copy Exim and its libraries into *base*; return the environment that runs it from there."""
    shutil.copyfile(tree.program("usr/sbin/exim4"), base / "exim4")
    (base / "exim4").chmod(0o755)
    libraries = base / "lib"
    libraries.mkdir()
    if tree.root == Path("/"):
        return {}  # installed: its libraries and its account are there
    for folder_name in tree.library_path().split(":"):
        for library in Path(folder_name).glob("*.so*"):
            shutil.copy(library, libraries)
    (base / "passwd").write_text(f"{ACCOUNT}:x:{user}:{group}::{base}:/bin/false\n")
    (base / "group").write_text(f"{ACCOUNT}:x:{group}:\n")
    return {
        "LD_LIBRARY_PATH": str(libraries),
        "LD_PRELOAD": str(libraries / "libnss_wrapper.so"),
        "NSS_WRAPPER_PASSWD": str(base / "passwd"),
        "NSS_WRAPPER_GROUP": str(base / "group"),
    }
