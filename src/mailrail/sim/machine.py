"""Floor 5 · sim — one machine on the simulated Internet: a `net.Network` with addresses of its own.

What can happen to it:

- `kill`: its process dies. The system ends what was open, as a kernel does, and refuses what comes, until `revive`.
- `power_off`: nobody is told anything; what is sent there vanishes, until `power_on`. Who then still speaks on an
  old connection gets a reset.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Final, Protocol

from mailrail.model import NetError, NetTrouble
from mailrail.net import Connection, Endpoint
from mailrail.sim.connection import SimConnection
from mailrail.sim.link import Link, Trouble, Wire

_FIRST_PORT: Final = 40_000
_FIRST_KNOCK_S: Final = 1.0  # RFC 6298 §2.1; doubled each time
_MOST_DATAGRAM_BYTES: Final = 65_507
_WILD: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


class World(Protocol):
    """What a machine asks of the Internet; see there."""

    system: Context

    def trouble(self, endpoint: Endpoint) -> Trouble:
        """Return what is wrong with *endpoint*."""
        ...

    def owner(self, asker: "Machine", host: str) -> "Machine | None":
        """Return the machine that *host* leads to."""
        ...

    def passes(self, one: "Machine", other: "Machine") -> bool:
        """Tell whether packets arrive now."""
        ...

    def link(self, one: "Machine", other: "Machine") -> Link:
        """Return what lies between."""
        ...

    def wire(self, one: "Machine", other: "Machine", to: Endpoint) -> Wire:
        """Lay the way of a connection."""
        ...

    def is_lost(self, link: Link) -> bool:
        """Draw whether a datagram is lost."""
        ...

    def strand(self, end: SimConnection) -> None:
        """Remember who waits for a way."""
        ...

    def thaw(self) -> None:
        """Send what waits out again."""
        ...


class SimListener:
    """A listening socket."""

    def __init__(self, machine: "Machine", endpoint: Endpoint, accept: Callable[[Connection], None]) -> None:
        self.endpoint = endpoint
        self.accept = accept
        self.context = copy_context()
        self._machine = machine

    def close(self) -> None:
        """Accept no more; connections already made go on."""
        if self._machine.listeners.get(self.endpoint) is self:
            del self._machine.listeners[self.endpoint]


class SimDatagrams:
    """A UDP socket."""

    def __init__(
        self, machine: "Machine", endpoint: Endpoint, received: Callable[[bytes, Endpoint], None]
    ) -> None:
        self.endpoint = endpoint
        self._received = received
        self._context = copy_context()
        self._machine = machine

    def send(self, data: bytes, to: Endpoint, /) -> None:
        """Send one datagram."""
        if self._machine.sockets.get(self.endpoint) is self and len(data) <= _MOST_DATAGRAM_BYTES:
            self._machine.carry(bytes(data), self.endpoint, to)

    def take(self, data: bytes, sender: Endpoint) -> None:
        """Hand a datagram that has arrived to whoever listens."""
        self._context.run(self._received, data, sender)

    def close(self) -> None:
        """Close; nothing is received any more."""
        if self._machine.sockets.get(self.endpoint) is self:
            del self._machine.sockets[self.endpoint]


class Machine:
    """A `net.Network`; made by `Internet.machine`.

    Attributes:
        addresses: its own, beside loopback; none: every address.
        connections: its ends that are open or still send, oldest first.
        is_powered: packets reach it.
        is_running: it has a process that may use the network.
    """

    def __init__(self, world: World, name: str, addresses: tuple[str, ...]) -> None:
        self.name = name
        self.addresses = addresses
        self.system = world.system
        self.listeners: dict[Endpoint, SimListener] = {}
        self.sockets: dict[Endpoint, SimDatagrams] = {}
        self.connections: dict[SimConnection, None] = {}
        self.is_powered = True
        self.is_running = True
        self._world = world
        self._last_port = _FIRST_PORT

    # -- what happens to it ----------------------------------------------------------------------

    def kill(self) -> None:
        """Let its process die."""
        self._stop()
        for end in tuple(self.connections):
            end.die()

    def power_off(self) -> None:
        """Let it vanish."""
        self._stop()
        self.is_powered = False
        for end in tuple(self.connections):
            end.vanish()

    def power_on(self) -> None:
        """Let its system answer again; nobody listens yet."""
        self.is_powered = True
        self._world.thaw()

    def revive(self) -> None:
        """Let a new process use the network."""
        self.power_on()
        self.is_running = True

    def _stop(self) -> None:
        self.is_running = False
        self.listeners.clear()
        self.sockets.clear()

    # -- the Network -----------------------------------------------------------------------------

    def listen(
        self, endpoint: Endpoint, accept: Callable[[Connection], None], *, unix_mode: int = 0o600
    ) -> SimListener:
        """Open a listening socket.

        Raises:
            NetError: the address is taken or not ours.
        """
        here = self._bound(endpoint, "listen on", self.listeners)
        listener = self.listeners[here] = SimListener(self, here, accept)
        return listener

    async def connect(
        self, endpoint: Endpoint, *, timeout_s: float, source: str | None = None
    ) -> SimConnection:
        """Open a connection.

        Raises:
            NetError: REFUSED, UNREACHABLE, TIMEOUT or OTHER.

        *Cancel-safe:* yes.
        """
        what = f"connect to {endpoint}"
        self._check_runs(what)
        here = endpoint if endpoint.is_unix else self._origin(endpoint, source, what)
        try:
            async with asyncio.timeout(timeout_s):
                there, wire = await self._knock(endpoint, what)
        except TimeoutError:
            raise NetError(NetTrouble.TIMEOUT, f"{what}: no answer") from None
        listener = None if self._world.trouble(endpoint).refused else there.listener(endpoint)
        if listener is None:
            raise NetError(NetTrouble.REFUSED, f"{what}: Connection refused")
        ours = SimConnection(self, wire, here, endpoint, copy_context())
        theirs = SimConnection(there, wire, endpoint, here, listener.context.copy())
        ours.join(theirs)
        self.connections[ours] = there.connections[theirs] = None
        asyncio.get_running_loop().call_soon(listener.accept, theirs, context=listener.context)
        return ours

    def datagrams(
        self, received: Callable[[bytes, Endpoint], None], *, ipv6: bool = False, bind: Endpoint | None = None
    ) -> SimDatagrams:
        """Open a UDP socket.

        Raises:
            NetError: the address is taken or not ours.
        """
        if bind is None and self.addresses:
            bind = Endpoint("::" if ipv6 else "0.0.0.0", 0)  # noqa: S104 - answers come to any address
        here = self._bound(
            bind or Endpoint("::1" if ipv6 else "127.0.0.1", 0), "open a UDP socket on", self.sockets
        )
        socket = self.sockets[here] = SimDatagrams(self, here, received)
        return socket

    # -- what the Internet asks ------------------------------------------------------------------

    def listener(self, endpoint: Endpoint) -> SimListener | None:
        """Return who listens at *endpoint*."""
        return self.listeners.get(endpoint) or self.listeners.get(_wild(endpoint))

    def carry(self, data: bytes, source: Endpoint, to: Endpoint) -> None:
        """Bring one datagram to whoever is bound at *to* when it arrives."""
        there, trouble = self._world.owner(self, to.host), self._world.trouble(to)
        if there is None or trouble.black_hole:
            return
        link = self._world.link(self, there)
        if self._world.is_lost(link):
            return
        sender = source
        if source.host in _WILD:
            sender = Endpoint(self._home(to) or source.host, source.port)
        wire = self._world.wire(self, there, to)

        def arrive() -> None:
            socket = there.sockets.get(to) or there.sockets.get(_wild(to))
            if socket is not None and wire.is_whole():
                socket.take(data, sender)

        loop, way_s = asyncio.get_running_loop(), wire.way_s()
        if way_s:
            loop.call_later(way_s, arrive, context=self.system)
        else:
            loop.call_soon(arrive, context=self.system)

    def is_over(self, end: SimConnection, /) -> None:
        """Forget an end."""
        self.connections.pop(end, None)

    def strand(self, end: SimConnection, /) -> None:
        """Remember an end that something waits for."""
        self._world.strand(end)

    # -- inside ----------------------------------------------------------------------------------

    async def _knock(self, endpoint: Endpoint, what: str) -> "tuple[Machine, Wire]":
        """Ask until the machine answers, after 1, 2, 4 ... seconds, as TCP does.

        Raises:
            NetError: nobody has the address.
        """
        there = self._world.owner(self, endpoint.host)
        if there is None:
            raise NetError(NetTrouble.UNREACHABLE, f"{what}: No route to host")
        wait_s = _FIRST_KNOCK_S
        while True:
            wire = self._world.wire(self, there, endpoint)
            if wire.is_whole() and not self._world.trouble(endpoint).black_hole:
                if way_s := wire.way_s() + wire.way_s():
                    await asyncio.sleep(way_s)
                else:
                    await asyncio.sleep(0)
                if wire.is_whole():
                    return there, wire
            await asyncio.sleep(wait_s)
            wait_s *= 2

    def _bound(
        self, endpoint: Endpoint, what: str, taken: dict[Endpoint, SimListener] | dict[Endpoint, SimDatagrams]
    ) -> Endpoint:
        self._check_runs(f"{what} {endpoint}")
        here = endpoint
        if not here.is_unix:
            if not self._is_own(here.host):
                raise NetError(NetTrouble.OTHER, f"{what} {here}: Cannot assign requested address")
            if here.port == 0:
                here = Endpoint(here.host, self._next_port())
        if here in taken:
            raise NetError(NetTrouble.OTHER, f"{what} {here}: Address already in use")
        return here

    def _origin(self, endpoint: Endpoint, source: str | None, what: str) -> Endpoint:
        if source is not None and not self._is_own(source):
            raise NetError(NetTrouble.OTHER, f"use {source} as our address: Cannot assign requested address")
        host = source or self._home(endpoint)
        if host is None:
            raise NetError(NetTrouble.UNREACHABLE, f"{what}: Network is unreachable")
        return Endpoint(host, self._next_port())

    def _home(self, to: Endpoint) -> str | None:
        """Return the address that we use towards *to*."""
        is_six = ":" in to.host
        if not self.addresses or to.host.startswith("127.") or to.host == "::1":
            return "::1" if is_six else "127.0.0.1"
        return next((address for address in self.addresses if (":" in address) is is_six), None)

    def _is_own(self, host: str) -> bool:
        return host in _WILD or self._world.owner(self, host) is self

    def _check_runs(self, what: str) -> None:
        if not self.is_running:
            raise NetError(NetTrouble.OTHER, f"{what}: the process is dead")

    def _next_port(self) -> int:
        self._last_port += 1
        return self._last_port


def _wild(endpoint: Endpoint) -> Endpoint:
    return Endpoint(_WILD[":" in endpoint.host], endpoint.port)
