"""Where the real peers are: unpacked by tools/setup_peers.py, else installed on the machine.

A missing one skips the test that wants it, loudly: the reason names the command that brings it.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
UNPACKED = ROOT / ".mailrail" / "peers"
COMPLETE = ".complete"  # as written by tools/setup_peers.py
# What a peer is known by, below the root of its tree.
PROOF = {
    "dovecot": "usr/lib/dovecot/lmtp",
    "postfix": "usr/sbin/postfix",
    "exim": "usr/sbin/exim4",
    "git-email": "usr/lib/git-core/git-send-email",
    "pebble": "usr/bin/pebble",
    "postsrsd": "usr/sbin/postsrsd",
    "postgres": "usr/lib/postgresql/15/bin/postgres",
    "mutt": "usr/bin/mutt",
    "slapd": "usr/sbin/slapd",
    "s-nail": "usr/bin/s-nail",
    "sslscan": "usr/bin/sslscan",
    "swaks": "usr/bin/swaks",
}


@dataclass(frozen=True, slots=True)
class Tree:
    """One peer's files, as Debian lays them out below *root* (`/` when installed)."""

    root: Path

    def program(self, path: str) -> str:
        """Name a program of this tree by its path below the root."""
        return str(self.root / path)

    def library_path(self) -> str:
        """Folders of this tree that hold shared libraries, as the loader wants them."""
        parts = ("usr/lib/postfix", "usr/lib", "lib")
        folders = [self.root / part for part in parts]
        folders += [folder for part in parts for folder in (self.root / part).glob("*-linux-gnu*")]
        return ":".join(str(folder) for folder in folders if folder.is_dir())

    def environment(self) -> dict[str, str]:
        """Our environment, with this tree's libraries, SASL mechanisms and Perl modules found first."""
        result = {**os.environ, "LC_ALL": "C"}
        if self.root != Path("/"):
            libraries = result["LD_LIBRARY_PATH"] = self.library_path()
            result["SASL_PATH"] = ":".join(f"{folder}/sasl2" for folder in libraries.split(":"))
            result["PERL5LIB"] = ":".join(str(folder) for folder in self._perl_folders())
        return result

    def _perl_folders(self) -> list[Path]:
        shared = [self.root / "usr/share/perl5", *(self.root / "usr/share/perl").glob("5.*")]
        compiled = (self.root / "usr/lib").glob("*-linux-gnu*/perl*/5.*")
        return [folder for folder in (*shared, *compiled) if folder.is_dir()]


def find(peer: str) -> Tree | None:
    """Find a peer's tree; None where this machine has it not."""
    unpacked = UNPACKED / peer
    if (unpacked / COMPLETE).exists():
        return Tree(unpacked)
    if Path("/", PROOF[peer]).exists():
        return Tree(Path("/"))
    return None


def why_missing(peer: str, *, as_root: bool = False) -> str | None:
    """Say why *peer* cannot be run here; None if it can."""
    if find(peer) is None:
        return (
            f"{peer} is missing: `python3 tools/setup_peers.py` fetches it (on Debian, nothing is installed)"
        )
    if as_root and os.geteuid() != 0:
        return f"{peer} starts only as root (it changes users); run the tests as root to include it"
    if peer == "swaks" and shutil.which("perl") is None:
        return "swaks needs perl on the path: `apt-get install perl`"
    return None


def need(peer: str, *, as_root: bool = False) -> Tree:
    """Return a peer's tree, or skip the running test and say how to get it."""
    reason = why_missing(peer, as_root=as_root)
    tree = find(peer)
    if reason is not None or tree is None:
        pytest.skip(reason or peer)
    return tree
