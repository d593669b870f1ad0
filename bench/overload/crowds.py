"""The crowds that lean on the server: a process of its own, so that the honest client's clock is not theirs.

Each kind is a coroutine for one member. Sockets are plain ones, for most members must do what a decent client never does.
"""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

from bench.overload.ground import Ground

AT_ONCE: Final = 200  # connections being opened at one time
RECIPIENT: Final = "user@ours.bench.example"
_TCP_REPAIR: Final = 19
_DRIP_S: Final = 1.0
_BLOCK: Final = 64 * 1024
_ENVELOPE: Final = f"MAIL FROM:<crowd@load.example>\r\nRCPT TO:<{RECIPIENT}>\r\n".encode()
# All of it may be pipelined (RFC 2920): nothing here waits for an answer.
_COMMANDS: Final = _ENVELOPE + f"RCPT TO:<{RECIPIENT}>\r\n".encode() * 1500


@dataclass
class Crowd:
    """What the members share.

    Attributes:
        facts: what happened, counted: first replies by their code, "there", "ended", "taken" ...
        endless: members that go on until they are sent home.
    """

    ground: Ground
    port: int
    number: int
    size: int
    facts: Counter[str] = field(default_factory=Counter)
    sockets: set[socket.socket] = field(default_factory=set)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def connect(self, member: int, *, window: int = 0) -> socket.socket:
        """Open a connection from the address of *member*."""
        sock = socket.socket()
        sock.setblocking(False)
        if window:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        sock.bind((self.ground.address(member, self.number), 0))
        await asyncio.get_running_loop().sock_connect(sock, (self.ground.server, self.port))
        self.sockets.add(sock)
        return sock

    async def greeted(self, member: int, *, window: int = 0) -> socket.socket:
        """Connect, hear the greeting and say EHLO."""
        loop = asyncio.get_running_loop()
        async with self.gate:
            sock = await self.connect(member, window=window)
            self.facts[(await loop.sock_recv(sock, 4096))[:3].decode("ascii", "replace")] += 1
            await loop.sock_sendall(sock, b"EHLO crowd.example\r\n")
            if not (await loop.sock_recv(sock, 4096)).startswith(b"250"):
                raise ConnectionError("EHLO was refused")
            self.facts["there"] += 1
        return sock

    def close(self, sock: socket.socket) -> None:
        """Hang up."""
        self.sockets.discard(sock)
        sock.close()


Kind = Callable[[Crowd, int], Awaitable[None]]


async def idle(crowd: Crowd, member: int) -> None:
    """Say EHLO and nothing more."""
    sock = await crowd.greeted(member)
    while await asyncio.get_running_loop().sock_recv(sock, 4096):
        pass


async def slow_writer(crowd: Crowd, member: int) -> None:
    """Write a command, a byte a second."""
    sock = await crowd.greeted(member)
    await _drip(sock, b"NOOP " + b"x" * 2000)


async def slow_data(crowd: Crowd, member: int) -> None:
    """Begin a message and send it a byte a second."""
    sock = await crowd.greeted(member)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, _ENVELOPE + b"DATA\r\n")
    heard = b""
    while b"354" not in heard:
        heard += await _more(sock)
    crowd.facts["in data"] += 1
    await _drip(sock, b"Subject: " + b"x" * 100_000)


async def _drip(sock: socket.socket, text: bytes) -> None:
    loop = asyncio.get_running_loop()
    end = asyncio.ensure_future(loop.sock_recv(sock, 4096))
    try:
        for at in range(len(text)):
            await loop.sock_sendall(sock, text[at : at + 1])
            done, _ = await asyncio.wait([end], timeout=_DRIP_S)
            if done:
                return
    finally:
        end.cancel()


async def slow_reader(crowd: Crowd, member: int) -> None:
    """Send commands as fast as they are taken, and read the answers a byte a second."""
    sock = await crowd.greeted(member, window=1)
    while True:
        _push(sock, _COMMANDS)
        await asyncio.sleep(_DRIP_S)
        try:
            if not sock.recv(1):
                return
        except BlockingIOError:
            pass


async def never_reads(crowd: Crowd, member: int) -> None:
    """Send commands as fast as they are taken, and read no answer."""
    sock = await crowd.greeted(member, window=1)
    await _flood(sock, _COMMANDS)


async def floods_commands(crowd: Crowd, member: int) -> None:
    """Send commands as fast as they are taken, and read what is said; come back when cut off."""
    for turn in range(1_000_000):
        sock = await crowd.greeted(member + turn * crowd.size)
        reading = asyncio.ensure_future(_read_all(sock))
        try:
            await _flood(sock, _COMMANDS)
        except OSError:
            crowd.facts["cut off"] += 1
        finally:
            reading.cancel()
            crowd.close(sock)


async def garbage(crowd: Crowd, member: int) -> None:
    """Send what is no SMTP as fast as it is taken; come back when cut off."""
    rng = random.Random(member)
    blocks = (
        rng.randbytes(_BLOCK),
        b"A" * _BLOCK,
        b"\r\n".join(rng.randbytes(20).hex().encode() for _ in range(1500)),
        b"\n" * _BLOCK,
        b"EHLO x\n" * 8000,
    )
    for turn in range(1_000_000):
        try:
            sock = await crowd.greeted(member + turn * crowd.size)
        except OSError:
            continue
        reading = asyncio.ensure_future(_read_all(sock))
        try:
            while True:
                await asyncio.get_running_loop().sock_sendall(sock, rng.choice(blocks))
        except OSError:
            crowd.facts["cut off"] += 1
        finally:
            reading.cancel()
            crowd.close(sock)


async def one_address(crowd: Crowd, _: int) -> None:
    """Connect, all from one address, and keep what is given, a refusal too."""
    async with crowd.gate:
        sock = await crowd.connect(0)
        reply = await asyncio.get_running_loop().sock_recv(sock, 4096)
    crowd.facts[reply[:9].decode("ascii", "replace") if reply.startswith(b"421") else "220"] += 1
    crowd.facts["there"] += 1
    await _read_all(sock)
    await asyncio.Event().wait()


async def half_open(crowd: Crowd, member: int) -> None:
    """Say EHLO, then vanish without a word on the wire, as a machine that lost its power."""
    sock = await crowd.greeted(member)
    await asyncio.sleep(
        0.5
    )  # until all is acknowledged: what is not would be sent again, and answered by a reset
    try:
        # tcp(7): closed while under repair, a socket tells its peer nothing.
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    except PermissionError:
        await _read_all(sock)  # stays silent at least
        return
    crowd.close(sock)
    crowd.facts["vanished"] += 1


async def large(crowd: Crowd, member: int) -> None:
    """Send one message of eight megabytes."""
    loop = asyncio.get_running_loop()
    sock = await crowd.greeted(member)
    await loop.sock_sendall(sock, _ENVELOPE + b"DATA\r\n")
    heard = b""
    while b"354" not in heard:
        heard += await _more(sock)
    await loop.sock_sendall(sock, f"X-Overload: large-{member}\r\n\r\n".encode())
    block = (b"x" * 998 + b"\r\n") * 128
    for _ in range(64):
        await loop.sock_sendall(sock, block)
    await loop.sock_sendall(sock, b".\r\n")
    reply = await _more(sock)
    crowd.facts["taken" if reply.startswith(b"250") else "refused"] += 1
    crowd.close(sock)


KINDS: Final[Mapping[str, Kind]] = {
    kind.__name__: kind
    for kind in (
        idle, slow_writer, slow_data, slow_reader, never_reads, floods_commands, garbage, one_address, half_open, large
    )
}  # fmt: skip


async def _more(sock: socket.socket) -> bytes:
    heard = await asyncio.get_running_loop().sock_recv(sock, 65_536)
    if not heard:
        raise ConnectionError("the server hung up")
    return heard


async def _read_all(sock: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(sock, 65_536):
        pass


def _push(sock: socket.socket, octets: bytes) -> None:
    try:
        while sock.send(octets):
            pass
    except BlockingIOError:
        pass


async def _flood(sock: socket.socket, octets: bytes) -> None:
    while True:
        await asyncio.get_running_loop().sock_sendall(sock, octets)


# --- The process -------------------------------------------------------------------------------


def run(orders: Connection, kind: str, ground: Ground, port: int, number: int, size: int) -> None:
    """Send a crowd, and obey: "tell" answers the facts, "home" ends it."""
    asyncio.run(_run(orders, KINDS[kind], Crowd(ground, port, number, size)))


async def _run(orders: Connection, kind: Kind, crowd: Crowd) -> None:
    home = asyncio.Event()

    def obey() -> None:
        try:
            order = orders.recv()
        except EOFError:  # the bench is gone
            order = "home"
        if order == "tell":
            orders.send(dict(crowd.facts))
        else:
            home.set()

    asyncio.get_running_loop().add_reader(orders.fileno(), obey)
    members = [asyncio.ensure_future(_member(crowd, kind, number)) for number in range(crowd.size)]
    await home.wait()
    for member in members:
        member.cancel()
    await asyncio.gather(*members, return_exceptions=True)
    for sock in crowd.sockets:
        # A reset: half of them have unread or unsent octets anyhow, and 10,000 must not wait in TIME-WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


async def _member(crowd: Crowd, kind: Kind, number: int) -> None:
    try:
        await kind(crowd, number)
    except OSError as error:
        crowd.facts[f"{type(error).__name__}"] += 1
    crowd.facts["ended"] += 1
