"""Where the load comes from: a network of its own, in which thousands of addresses are strangers to the server.

A server exempts loopback from the limits for one client, so a flood from 127.0.0.1 proves nothing about them. In a
network namespace of its own (root, or a kernel that lets users make one) the loopback device also carries
198.18.0.0/15, set apart for measuring (RFC 2544): every address of it is ours, and none is exempt.
Where that cannot be had, the load comes from 127.0.0.0/8, and what needs strangers is left out, loudly.
"""

import fcntl
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass
from typing import Final, NoReturn

INSIDE: Final = "--inside"  # given to ourselves, once in the namespace
_UP: Final = 0x1 | 0x40  # IFF_UP, IFF_RUNNING
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C


@dataclass(frozen=True, slots=True)
class Ground:
    """The network of a run.

    Attributes:
        server: address that the server listens on.
        has_strangers: clients are counted by their address.
    """

    server: str
    has_strangers: bool

    def address(self, number: int, crowd: int = 0) -> str:
        """Return the address of a client; each crowd begins elsewhere, and comes round after 65,000."""
        net = "198.19" if self.has_strangers else f"127.{1 + crowd}"
        low = (number + crowd * 8192) % 65_000 + 256
        return f"{net}.{low >> 8}.{low & 255}"


def why_no_strangers() -> str:
    """Say why no namespace can be made here, "" if one can."""
    if shutil.which("unshare") is None:
        return "unshare (util-linux) is missing"
    done = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, timeout=10, check=False)
    return "" if done.returncode == 0 else f"a network namespace cannot be made: {done.stderr.strip()}"


def _unshare() -> list[str]:
    return ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--net"]


def go_inside(arguments: list[str]) -> NoReturn:
    """Begin again in a namespace, in the same process."""
    command = [*_unshare(), sys.executable, "-m", "bench.overload", INSIDE, *arguments]
    os.execvp(command[0], command)


def prepare(*, is_inside: bool) -> Ground:
    """Set the network up and allow as many descriptors as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if not is_inside:
        return Ground("127.0.0.1", has_strangers=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _UP))
        fcntl.ioctl(control, _SIOCSIFADDR, _address_of(b"lo:1", "198.18.0.1"))
        fcntl.ioctl(control, _SIOCSIFNETMASK, _address_of(b"lo:1", "255.254.0.0"))
    return Ground("198.18.0.1", has_strangers=True)


def _address_of(name: bytes, address: str) -> bytes:
    return struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(address))
