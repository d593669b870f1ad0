"""Postfix beside everything else: own configuration, queue and users, on loopback.

As next hop it keeps mail for `accept` as files; as source it relays what its clients give it to `relay_to`.
It needs root but changes nothing on the machine: the two accounts it wants to itself are Debian's idle `uucp`
and `irc`, so no user is added. Started as `master -s` after `postfix check`, not as `postfix start-fg`, whose
shell would stand between us and the process to end.
"""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.support.peers import programs
from tests.support.peers.certificates import make_certificate
from tests.support.peers.mail_server import MailServer
from tests.support.peers.processes import PeerError, Program, folder, free_port, wait_for_port
from tests.support.peers.programs import Tree

OWNER = "uucp"
GROUP = "irc"
COMMAND_TIMEOUT_S = 60

# Debian's own list, every row without chroot: a chroot would need libraries and resolver files copied into it.
MASTER = """\
pickup     unix  n  -  n  60    1  pickup
cleanup    unix  n  -  n  -     0  cleanup
qmgr       unix  n  -  n  300   1  qmgr
tlsmgr     unix  -  -  n  1000? 1  tlsmgr
rewrite    unix  -  -  n  -     -  trivial-rewrite
bounce     unix  -  -  n  -     0  bounce
defer      unix  -  -  n  -     0  bounce
trace      unix  -  -  n  -     0  bounce
verify     unix  -  -  n  -     1  verify
flush      unix  n  -  n  1000? 0  flush
proxymap   unix  -  -  n  -     -  proxymap
proxywrite unix  -  -  n  -     1  proxymap
smtp       unix  -  -  n  -     -  smtp
relay      unix  -  -  n  -     -  smtp
showq      unix  n  -  n  -     -  showq
error      unix  -  -  n  -     -  error
retry      unix  -  -  n  -     -  error
discard    unix  -  -  n  -     -  discard
local      unix  -  n  n  -     -  local
virtual    unix  -  n  n  -     -  virtual
lmtp       unix  -  -  n  -     -  lmtp
anvil      unix  -  -  n  -     1  anvil
scache     unix  -  -  n  -     1  scache
postlog    unix-dgram n - n  -  1  postlogd
"""


def _locations(tree: Tree, base: Path) -> dict[str, str]:
    return {
        "queue_directory": str(base / "queue"),
        "data_directory": str(base / "data"),
        "daemon_directory": tree.program("usr/lib/postfix/sbin"),
        "command_directory": tree.program("usr/sbin"),
        "shlib_directory": tree.program("usr/lib/postfix"),
        "meta_directory": str(base / "conf"),
        "sendmail_path": tree.program("usr/sbin/sendmail"),
        "mailq_path": tree.program("usr/bin/mailq"),
        "newaliases_path": tree.program("usr/bin/newaliases"),
        "maillog_file": str(base / "mail.log"),
        "maillog_file_prefixes": str(base),
        # Postfix empties the environment of its children; unpacked, they find their libraries and SASL mechanisms only
        # by the last two.
        "import_environment": "MAIL_CONFIG MAIL_LOGTAG POSTLOG_SERVICE POSTLOG_HOSTNAME LANG=C LD_LIBRARY_PATH SASL_PATH",
    }


def _behaviour(hostname: str, accept: Sequence[str], base: Path) -> dict[str, str]:
    return {
        "compatibility_level": "3.6",
        "mail_owner": OWNER,
        "setgid_group": GROUP,
        "myhostname": hostname,
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mydestination": "",
        "alias_maps": "",
        "alias_database": "",
        "local_recipient_maps": "",
        "mynetworks": "127.0.0.0/8",
        "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
        "smtputf8_enable": "yes",
        "smtpd_peername_lookup": "no",
        "smtp_dns_support_level": "disabled",
        "smtp_host_lookup": "native",
        "notify_classes": "",
        "minimal_backoff_time": "5s",
        "queue_run_delay": "5s",
        # Mail for these domains: any local part, one Maildir, envelope in X-Original-To and Return-Path.
        "virtual_mailbox_domains": " ".join(accept),
        "virtual_mailbox_base": str(base),
        "virtual_mailbox_maps": "static:mail/",
        "virtual_uid_maps": "static:65534",
        "virtual_gid_maps": "static:65534",
        "virtual_minimum_uid": "1",
    }


def _write_configuration(tree: Tree, base: Path, port: int, parameters: Mapping[str, str]) -> None:
    conf = base / "conf"
    conf.mkdir()
    (conf / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in parameters.items()))
    (conf / "master.cf").write_text(f"127.0.0.1:{port} inet n - n - - smtpd\n{MASTER}")
    shutil.copy(tree.program("etc/postfix/postfix-files"), conf)
    # Lists map types in shared objects of their own; an empty one keeps to what is built in.
    (conf / "dynamicmaps.cf").touch()
    (base / "queue").mkdir()
    (base / "data").mkdir()
    shutil.chown(base / "data", OWNER)
    (base / "mail").mkdir()
    shutil.chown(base / "mail", 65534, 65534)


def command(peer: MailServer, name: str, *arguments: str) -> str:
    """Run one of Postfix's commands (`postqueue`, `postsuper`, `postfix`, ...) on this instance.

    Raises:
        PeerError: it failed; the text says how.
    """
    return _command(programs.need("postfix"), peer.folder / "conf", name, *arguments)


def _command(tree: Tree, conf: Path, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [tree.program(f"usr/sbin/{name}"), "-c", str(conf), *arguments],
        env=tree.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise PeerError(f"{name} {' '.join(arguments)} failed:\n{done.stdout}")
    return done.stdout


@contextlib.contextmanager
def postfix(
    *,
    accept: Sequence[str] = (),
    relay_to: tuple[str, int] | None = None,
    tls: bool = True,
    hostname: str = "postfix.example",
    parameters: Mapping[str, str] | None = None,
    base: Path | None = None,
) -> Iterator[MailServer]:
    """Run a Postfix of our own.

    Args:
        accept: domains it takes mail for, with any local part; read it by `mail()`.
        relay_to: host and port that everything else goes to.
        tls: offer STARTTLS with a certificate for *hostname*, localhost and 127.0.0.1 (`conf/ca.pem` vouches).
        parameters: further lines of main.cf; they win over ours.
        base: an empty folder to live in, when the disk matters; else a temporary one.
    """
    tree = programs.need("postfix", as_root=True)
    with contextlib.ExitStack() as stack:
        base = base or stack.enter_context(folder("postfix"))
        port = free_port()
        lines = _locations(tree, base) | _behaviour(hostname, accept, base)
        if relay_to is not None:
            lines["relayhost"] = f"[{relay_to[0]}]:{relay_to[1]}"
        if tls:
            certificate = make_certificate(base, hostname, "localhost", "127.0.0.1")
            lines |= {
                "smtpd_tls_chain_files": str(certificate.chain_file),
                "smtpd_tls_security_level": "may",
                "smtp_tls_security_level": "may",
                "smtpd_tls_loglevel": "1",
                "smtp_tls_loglevel": "1",
            }
        _write_configuration(tree, base, port, lines | dict(parameters or {}))
        conf = base / "conf"
        _command(tree, conf, "postfix", "check")
        program = Program(
            [tree.program("usr/lib/postfix/sbin/master"), "-c", str(conf), "-s"],
            base / "output",
            environment={**tree.environment(), "MAIL_CONFIG": str(conf)},
        )
        stack.callback(program.stop)
        wait_for_port(program, "127.0.0.1", port)
        yield MailServer(
            host="127.0.0.1",
            port=port,
            hostname=hostname,
            folder=base,
            maildir=base / "mail",
            log_file=base / "mail.log",
            program=program,
        )
