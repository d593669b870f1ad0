"""Floor 2 · net — is this address one of this machine's?"""

import errno
import socket
from ipaddress import ip_address


def is_here(host: str) -> bool:
    """Tell whether what is sent to *host* (a name, an IP address, a Unix socket's path) never leaves this machine."""
    if host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_own_address(host: str) -> bool:
    """Tell whether *host*, an IP address, is one of this machine's now.

    The system is asked by binding to it, which sends nothing: it knows of every interface, of those that came
    up a minute ago too, and no list has to be kept.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0))
    except OSError as error:
        # Descriptors ran out: not known. Mail that goes round meanwhile is stopped by its hop count.
        return error.errno == errno.EADDRINUSE
    return True
