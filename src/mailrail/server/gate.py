"""Floor 2 · server — who may connect at all: the limits on connections (A39).

Counting is by address; an IPv6 client is counted by its /64, for that is what one customer gets.
Loopback and networks that are trusted are not refused for themselves, only for the whole; they are counted all the same, because
who is trusted may change while they are here. Where several processes serve the same addresses, each counts its own and adds what the others have written down (board.py).
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from mailrail.model import Reply
from mailrail.model import reply as say
from mailrail.net import Endpoint
from mailrail.server.board import Seat
from mailrail.server.settings import LimitSettings

Networks = Sequence[IPv4Network | IPv6Network]
_WINDOW_S = 60.0


class ConnectionGate:
    """Counts sessions, and refuses those over a limit.

    Args:
        limits: the bounds.
        trusted: networks exempt from the bounds for one client.
        seat: where other processes that serve the same clients are seen; None: there are none.
    """

    def __init__(self, limits: LimitSettings, trusted: Networks = (), seat: Seat | None = None) -> None:
        self._limits = limits
        self._seat = seat
        self._trusted = trusted
        self._total = 0
        self._open: dict[str, int] = {}
        # client -> (start of its minute, connections in it)
        self._recent: dict[str, tuple[float, int]] = {}
        self._swept = 0.0
        self._trust: dict[str, bool] = {}
        self._proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    @property
    def total(self) -> int:
        """Sessions now."""
        return self._total

    def use(self, limits: LimitSettings, trusted: Networks, proxies: Networks) -> None:
        """Go by other bounds from now on; whoever is in stays.

        Args:
            proxies: not bounded either: they bring the connections of many.
        """
        self._limits, self._trusted, self._proxies = limits, trusted, tuple(proxies)
        self._trust.clear()

    def take(self, *, is_taking: bool) -> None:
        """Let other processes know whether this one takes connections."""
        if self._seat is not None:
            self._seat.take(is_taking=is_taking)

    def is_trusted(self, host: str) -> bool:
        """Tell whether *host* (an IP address, or a Unix socket's path) is exempt."""
        known = self._trust.get(host)
        if known is None:
            if len(self._trust) > 10_000:
                self._trust.clear()
            known = self._trust[host] = self._is_in_trusted(host)
        return known

    def _is_in_trusted(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return True  # a Unix socket: whoever may open it was let in by its mode
        return _is_among(address, self._trusted)

    def enter(self, host: str, now: float) -> Reply | None:
        """Count a new connection from *host*, or return the reply that turns it away.

        Args:
            now: the loop's time, seconds.
        """
        elsewhere = 0 if self._seat is None else self._seat.elsewhere()
        if self._total + elsewhere >= self._limits.connections:
            return say.TOO_MANY_CONNECTIONS
        refusal = self._enter_as_client(host, now)
        if refusal is None:
            self._count(1)
        return refusal

    def _count(self, change: int) -> None:
        self._total += change
        if self._seat is not None:
            self._seat.serve(self._total)

    def _enter_as_client(self, host: str, now: float) -> Reply | None:
        client, seat = _client(host), self._seat
        here = self._open.get(client, 0)
        if self.is_stranger(host):
            elsewhere = 0 if seat is None else seat.open_elsewhere(client)
            if here + elsewhere >= self._limits.connections_per_client:
                return say.TOO_MANY_FROM_YOU
            if self._is_too_fast(client, now):
                return say.TOO_FAST_FROM_YOU
        self._open[client] = here + 1
        if seat is not None:
            seat.opened(client)
        return None

    def speaks_for(self, proxy: str, host: str, now: float) -> Reply | None:
        """Count a connection that was *proxy*'s as one from *host*, or return the reply that ends it; then it stays *proxy*'s."""
        if host == proxy:
            return None
        refusal = self._enter_as_client(host, now)
        if refusal is None:
            self._leave_as_client(proxy)
        return refusal

    def exempt(self, proxies: Networks) -> None:
        """Count *proxies* not against themselves: they bring the connections of many."""
        self._proxies += tuple(proxies)

    def leave(self, host: str) -> None:
        """Forget a connection that `enter` counted."""
        self._count(-1)
        self._leave_as_client(host)

    def _leave_as_client(self, host: str) -> None:
        client = _client(host)
        if self._seat is not None:
            self._seat.closed(client)
        left = self._open.get(client, 1) - 1
        if left > 0:
            self._open[client] = left
        else:
            self._open.pop(client, None)

    def is_stranger(self, host: str) -> bool:
        """Tell whether the limits for one client hold for *host*: neither trusted nor this machine itself."""
        if self.is_trusted(host) or host.startswith("127.") or host == "::1":
            return False
        return not (self._proxies and _is_among(ip_address(host), self._proxies))

    def _is_too_fast(self, client: str, now: float) -> bool:
        if now - self._swept >= _WINDOW_S:
            self._sweep(now)
        since, count = self._recent.get(client, (now, 0))
        if now - since >= _WINDOW_S:
            since, count = now, 0
        self._recent[client] = (since, count + 1)
        elsewhere = 0
        if self._seat is not None:
            minute = int(now // _WINDOW_S)
            elsewhere = self._seat.came_elsewhere(client, minute)
            self._seat.came(client, minute)
        return count + 1 + elsewhere > self._limits.connections_per_minute

    def _sweep(self, now: float) -> None:
        """Forget clients that have been quiet for a minute, so that memory stays bounded: those of two minutes are kept."""
        self._swept = now
        self._recent = {
            client: (since, count)
            for client, (since, count) in self._recent.items()
            if now - since < _WINDOW_S
        }


def is_named(peer: Endpoint, networks: Networks) -> bool:
    """Tell whether *peer* is in one of *networks*, or came by a Unix socket, whose mode says who may."""
    return peer.is_unix or _is_among(ip_address(peer.host), networks)


def _is_among(address: IPv4Address | IPv6Address, networks: Networks) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _client(host: str) -> str:
    """Return what a client is counted by: its IPv4 address, its IPv6 /64, or the path of a Unix socket."""
    if ":" not in host or "/" in host:
        return host
    return str(IPv6Network((host.partition("%")[0], 64), strict=False).network_address)
