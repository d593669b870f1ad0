"""Floor 2 · dns — one question to one server: a datagram, and a stream when the reply was cut.

Each try has a socket, thus a source port, and an id of its own, and takes only what comes from
the server, with that id and that question: a forger must guess all of it at once (RFC 5452 §9).
Whatever else arrives is passed over.
"""

import asyncio
import struct
from typing import Final

from mailrail.dns.wire import Question, is_reply, is_truncated
from mailrail.model import NetError, NetTrouble
from mailrail.net import Endpoint, Network

_LENGTH: Final = struct.Struct("!H")  # RFC 1035 §4.2.2


async def exchange(
    network: Network, server: Endpoint, asked: Question, query_id: int, timeout_s: float
) -> bytes:
    """Return the reply of *server*, whole.

    Raises:
        NetError: TIMEOUT, or what befell the socket or stream.

    *Cancel-safe:* yes.
    """
    query = asked.query(query_id)
    try:
        async with asyncio.timeout(timeout_s):
            data = await _by_datagram(network, server, asked, query_id, query)
            if is_truncated(data):
                data = await _by_stream(network, server, query, timeout_s)
                if not is_reply(data, query_id, asked):
                    raise NetError(NetTrouble.OTHER, f"{server} replied to another question")
            return data
    except TimeoutError:
        raise NetError(NetTrouble.TIMEOUT, f"{server} did not answer in {timeout_s:g} s") from None


async def _by_datagram(
    network: Network, server: Endpoint, asked: Question, query_id: int, query: bytes
) -> bytes:
    reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def received(data: bytes, sender: Endpoint) -> None:
        if sender == server and not reply.done() and is_reply(data, query_id, asked):
            reply.set_result(data)

    socket = network.datagrams(received, ipv6=":" in server.host)
    try:
        socket.send(query, server)
        return await reply
    finally:
        socket.close()


async def _by_stream(network: Network, server: Endpoint, query: bytes, timeout_s: float) -> bytes:
    connection = await network.connect(server, timeout_s=timeout_s)
    reader = _OneMessage()
    try:
        connection.attach(reader)
        connection.write(_LENGTH.pack(len(query)) + query)
        return await reader.message
    finally:
        connection.abort()


class _OneMessage:
    """Receives one message with its length before it; at most 64 KiB, by the length's size."""

    def __init__(self) -> None:
        self.message: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._buffer = bytearray()

    def received(self, data: bytes, /) -> None:
        if self.message.done():
            return
        self._buffer += data
        if len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) >= end:
                self.message.set_result(bytes(self._buffer[_LENGTH.size : end]))

    def writable(self) -> None:
        """Nothing waits: a query is smaller than any buffer."""

    def ended(self, error: NetError | None, /) -> None:
        if not self.message.done():
            self.message.set_exception(
                error or NetError(NetTrouble.RESET, "closed before the reply was whole")
            )
