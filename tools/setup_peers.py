"""Fetch the real mail servers and clients that tests and benchmarks talk to.

Nothing is installed. Postfix and Exim exclude each other as Debian packages, and a mail server set up by apt
would start itself and own port 25. So the packages are only downloaded (with whatever they need and the machine
lacks) and unpacked, each under `.mailrail/peers/NAME/`, where `tests/support/peers` finds them.

Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".mailrail" / "peers"
COMPLETE = (
    ".complete"  # written last, holds what was asked for: a half-unpacked or outdated peer is fetched again
)
APT_TIMEOUT_S = 300


class Peer(NamedTuple):
    """One foreign program: the packages that hold it, the file that proves it, what it is for."""

    packages: tuple[str, ...]
    program: str
    use: str


WANTED = {
    "dovecot": Peer(
        ("dovecot-core", "dovecot-lmtpd", "dovecot-imapd"),
        "usr/lib/dovecot/lmtp",
        "Dovecot, which knows who may log in, takes mail by LMTP and shows it by IMAP",
    ),
    # libsasl2-modules: without them Postfix knows no way to log in anywhere.
    "postfix": Peer(
        ("postfix", "libsasl2-modules"), "usr/sbin/postfix", "Postfix as a peer, smtp-source and smtp-sink"
    ),
    # nss_wrapper: Exim will not start without the account that its package would add.
    "exim": Peer(("exim4-daemon-heavy", "libnss-wrapper"), "usr/sbin/exim4", "Exim as a next hop"),
    # libmailtools-perl: Debian's git leaves out the copy that it would bring.
    "git-email": Peer(
        ("git-email", "libmailtools-perl"),
        "usr/lib/git-core/git-send-email",
        "git send-email, which calls sendmail",
    ),
    "pebble": Peer(("pebble",), "usr/bin/pebble", "Pebble, a certificate authority for trials, by ACME"),
    "postsrsd": Peer(("postsrsd",), "usr/sbin/postsrsd", "postsrsd, by which others rewrite senders"),
    "postgres": Peer(
        ("postgresql-15", "postgresql-client-15"),
        "usr/lib/postgresql/15/bin/postgres",
        "PostgreSQL, a database of users and tables",
    ),
    "slapd": Peer(
        ("slapd", "ldap-utils"), "usr/sbin/slapd", "OpenLDAP's server, a directory of users and tables"
    ),
    "mutt": Peer(("mutt",), "usr/bin/mutt", "mutt, which calls sendmail"),
    "s-nail": Peer(("s-nail",), "usr/bin/s-nail", "s-nail, which reads Maildir and mbox, and calls sendmail"),
    "sslscan": Peer(("sslscan",), "usr/bin/sslscan", "sslscan, which judges what TLS a server speaks"),
    "swaks": Peer(("swaks", "libnet-ssleay-perl"), "usr/bin/swaks", "swaks as a client, STARTTLS included"),
}


class FetchError(Exception):
    """A package could not be had; the text says what to do."""


def apt_get(arguments: list[str], where: Path) -> None:
    """Run apt-get with its download folder in *where*, without locks and without asking."""
    options = ["-q", "-y", "--no-install-recommends", "-o", f"Dir::Cache::archives={where}"]
    options += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"]
    done = subprocess.run(
        ["apt-get", *options, *arguments],
        cwd=where,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=APT_TIMEOUT_S,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        check=False,
    )
    if done.returncode != 0:
        raise FetchError(f"apt-get {' '.join(arguments)} failed:\n{done.stdout[-2000:]}")


def download(packages: tuple[str, ...], where: Path) -> None:
    """Download *packages* and what they need but this machine has not."""
    (where / "partial").mkdir()
    apt_get(["--download-only", "install", *packages], where)
    for package in packages:  # an installed package is not downloaded by the line above
        if not any(where.glob(f"{package}_*.deb")):
            apt_get(["download", package], where)


def fetch(name: str, peer: Peer) -> None:
    """Download and unpack one peer; on return it is whole or not there."""
    PEERS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PEERS, prefix=f".{name}-") as scratch:
        debs, tree = Path(scratch, "debs"), Path(scratch, "tree")
        debs.mkdir()
        download(peer.packages, debs)
        for deb in sorted(debs.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", str(deb), str(tree)], check=True, timeout=APT_TIMEOUT_S)
        if not (tree / peer.program).exists():
            raise FetchError(f"{peer.program} is in none of the packages {', '.join(peer.packages)}")
        drop_privileges(tree)
        tree.chmod(0o755)  # Postfix and Exim drop root before they read some of it
        (tree / COMPLETE).write_text(repr(peer))
        shutil.rmtree(PEERS / name, ignore_errors=True)
        tree.rename(PEERS / name)


def drop_privileges(tree: Path) -> None:
    """Take set-uid and set-gid bits away: unpacked files must not give anyone a right."""
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o6000:
            path.chmod(path.stat().st_mode & 0o777)


def refresh_lists() -> None:
    """Bring apt's package lists up to date; only root may, and a bare machine has none."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(
            ["apt-get", "-q", "update"],
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=APT_TIMEOUT_S,
            check=False,
        )


def fetch_or_refresh(name: str, peer: Peer) -> None:
    """Fetch; where that fails and we are root, refresh the lists and try once more."""
    try:
        fetch(name, peer)
    except FetchError:
        if os.geteuid() != 0:
            raise
        refresh_lists()
        fetch(name, peer)


def is_complete(name: str, peer: Peer) -> bool:
    """Tell whether *peer* is unpacked, as it is wanted now."""
    stamp = PEERS / name / COMPLETE
    return stamp.exists() and stamp.read_text() == repr(peer)


def main() -> int:
    """Fetch the peers named on the command line, or all; say what stays missing.

    Never fails: tests skip loudly instead.
    """
    wanted = sys.argv[1:] or list(WANTED)
    missing = {name: WANTED[name] for name in wanted if not is_complete(name, WANTED[name])}
    if not missing:
        return 0
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        print("setup: this is no Debian; these stay missing and their tests are skipped:", file=sys.stderr)
        for name, peer in missing.items():
            print(f"  {name}: {peer.use}", file=sys.stderr)
        return 0
    for name, peer in missing.items():
        print(f"setup: fetching {name} ({peer.use}) ...", flush=True)
        try:
            fetch_or_refresh(name, peer)
        except (FetchError, OSError, subprocess.SubprocessError) as error:
            print(f"setup: {name} stays missing, its tests are skipped: {error}", file=sys.stderr)
            if os.geteuid() != 0:
                print("setup: run `sudo apt-get update` once, then try again", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
