"""Floor 2 · net — from the system's error numbers to NetError: the door where OSError ends."""

import errno
import socket
from typing import Final

from mailrail.model import NetError, NetTrouble

OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_TROUBLES: Final[dict[int, NetTrouble]] = {
    **dict.fromkeys(OUT_OF_RESOURCES, NetTrouble.EXHAUSTED),
    errno.ECONNREFUSED: NetTrouble.REFUSED,
    errno.ENOENT: NetTrouble.REFUSED,  # no such Unix socket: nobody listens there
    errno.EAGAIN: NetTrouble.REFUSED,  # connect to a Unix socket whose backlog is full
    errno.EHOSTUNREACH: NetTrouble.UNREACHABLE,
    errno.ENETUNREACH: NetTrouble.UNREACHABLE,
    errno.EHOSTDOWN: NetTrouble.UNREACHABLE,
    errno.ENETDOWN: NetTrouble.UNREACHABLE,
    errno.EAFNOSUPPORT: NetTrouble.UNREACHABLE,  # a machine without IPv6
    errno.ETIMEDOUT: NetTrouble.TIMEOUT,
    errno.ECONNRESET: NetTrouble.RESET,
    errno.ECONNABORTED: NetTrouble.RESET,
    errno.EPIPE: NetTrouble.RESET,
}


def net_error(error: OSError, what: str) -> NetError:
    """Map *error* that happened while doing *what* ("connect to 192.0.2.1:25")."""
    trouble = _TROUBLES.get(error.errno or 0, NetTrouble.OTHER)
    return NetError(trouble, f"{what}: {error.strerror or error}")


def connect_error(error: OSError, what: str, family: int) -> NetError:
    """Map *error* of a connect.

    "Cannot assign requested address" means that the ports are used up for IPv4, but for IPv6
    nearly always that this machine has no IPv6 address at all: the peer is out of reach, and another may not be.
    """
    if error.errno == errno.EADDRNOTAVAIL:
        six = family == socket.AF_INET6
        trouble = NetTrouble.UNREACHABLE if six else NetTrouble.EXHAUSTED
        return NetError(trouble, f"{what}: {error.strerror}")
    return net_error(error, what)


_LISTENING_MENDS: Final = {
    errno.EADDRINUSE: "another program has it (`ss -ltnp` names it): stop that one, or listen elsewhere",
    errno.EACCES: "ports below 1024 are for root, or for a program with CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "this machine has no such address: name one of its own, or 0.0.0.0 for all",
}


def listening_mend(error: NetError) -> str:
    """Return what to do when an address cannot be listened at, "" when the error says all there is."""
    cause = error.__cause__
    return _LISTENING_MENDS.get(cause.errno or 0, "") if isinstance(cause, OSError) else ""
