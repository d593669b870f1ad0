"""Floor 2 · net — host names by the system's own resolver, for who has no other."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from mailrail.model import DnsError
from mailrail.net.api import Endpoint

Resolve = Callable[[str, int], Awaitable[Sequence[Endpoint]]]


async def system_resolve(host: str, port: int) -> list[Endpoint]:
    """Return the endpoints of *host*, the best first; an IP address or a socket's path is its own.

    Raises:
        DnsError: the system knows no address.
    """
    if "/" in host:
        return [Endpoint(host.removeprefix("unix:"), 0)]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        try_again = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
        why = getattr(error, "strerror", None) or error
        raise DnsError(host, f"{host} has no address: {why}", try_again=try_again) from error
    return list(dict.fromkeys(Endpoint(str(address[4][0]), port) for address in found))
