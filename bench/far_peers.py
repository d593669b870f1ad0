"""A thousand mail servers 50 ms away, and the DNS server that names them: one process, on loopback addresses.

    python -m bench.far_peers --domains 1000 --delay-ms 50 --dns-port 5353 --smtp-port 25

Domain `dN.far.example` has one MX, whose address is 127.1.x.y. Distance is made by holding replies back: the greeting
for two round trips (connecting takes one, and its banner leaves when the handshake is done), every other write for
one. Prints a running `mesg=N` counter as smtp-sink does.
"""

import argparse
import asyncio
import sys
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

ZONE = "far.example"
TTL_S = 3600
REPORT_S = 0.02
BACKLOG = 1000


def address_of(number: int) -> str:
    """The loopback address of one far server."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def domain_of(number: int) -> str:
    """The mail domain of one far server."""
    return f"d{number}.{ZONE}"


class Counter:
    """How many messages all servers have taken."""

    def __init__(self) -> None:
        self.messages = 0

    async def report(self) -> None:
        """Print the count whenever it has changed."""
        told = -1
        while True:
            if told != self.messages:
                told = self.messages
                sys.stdout.write(f"mesg={told}\r")
                sys.stdout.flush()
            await asyncio.sleep(REPORT_S)


class FarServer(asyncio.Protocol):
    """One SMTP connection whose replies take their time. It believes everything."""

    REPLIES = {  # noqa: RUF012 - a table, never changed
        b"EHLO": b"250-far\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250 8BITMIME\r\n",
        b"HELO": b"250 far\r\n",
        b"DATA": b"354 go on\r\n",
        b"QUIT": b"221 bye\r\n",
    }

    def __init__(self, counter: Counter, delay_s: float) -> None:
        self._counter = counter
        self._delay_s = delay_s
        self._buffer = b""
        self._in_data = False
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop.call_later(2 * self._delay_s, self._write, b"220 far ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies = b""
        while (reply := self._next_reply()) is not None:
            replies += reply
        if replies:
            self._loop.call_later(self._delay_s, self._write, replies)

    def _next_reply(self) -> bytes | None:
        if self._in_data:
            _, end, rest = self._buffer.partition(b"\r\n.\r\n")
            if not end:
                return None
            self._buffer, self._in_data = rest, False
            self._counter.messages += 1
            return b"250 taken\r\n"
        line, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return None
        self._buffer = rest
        verb = line[:4].upper()
        self._in_data = verb == b"DATA"
        return self.REPLIES.get(verb, b"250 ok\r\n")

    def _write(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(reply)
            if reply.endswith(b"221 bye\r\n"):
                self._transport.close()


class Names(asyncio.DatagramProtocol):
    """Answers MX and A of the far domains; knows that nothing else exists."""

    def __init__(self, domains: int) -> None:
        self._known = {f"{domain_of(number)}.": number for number in range(domains)}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own datagram transport is a DatagramTransport in all but name (Python 3.11).
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        self._transport.sendto(self._answer(query).to_wire(), addr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name = question.name.to_text().lower()
        number = self._known.get(name.removeprefix("mx."))
        if number is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.MX and not name.startswith("mx."):
            response.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", "MX", f"10 mx.{name}"))
        elif question.rdtype == dns.rdatatype.A and name.startswith("mx."):
            response.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", "A", address_of(number)))
        return response


async def serve(domains: int, delay_s: float, dns_port: int, smtp_port: int) -> None:
    """Run everything until ended."""
    loop = asyncio.get_running_loop()
    counter = Counter()
    for number in range(domains):
        await loop.create_server(
            lambda: FarServer(counter, delay_s),
            address_of(number),
            smtp_port,
            backlog=BACKLOG,
            reuse_address=True,
        )
    await loop.create_datagram_endpoint(lambda: Names(domains), local_addr=("127.0.0.1", dns_port))
    await counter.report()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domains", type=int, default=1000)
    parser.add_argument("--delay-ms", type=float, default=50)
    parser.add_argument("--dns-port", type=int, required=True)
    parser.add_argument("--smtp-port", type=int, default=25)
    given = parser.parse_args()
    asyncio.run(serve(given.domains, given.delay_ms / 1000, given.dns_port, given.smtp_port))


if __name__ == "__main__":
    main()
