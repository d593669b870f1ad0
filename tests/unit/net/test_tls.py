"""TlsConnection on a connection below that a test moves by hand: who is slowed down, and when."""

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest
from tests.support.net_world import HOST, Recorder, Tls, make_tls, run

from mailrail.model import NetError
from mailrail.net import Endpoint, Receiver, TlsConnection, TlsInfo


class Below:
    """The connection below: collects what is sent, says what it is told to say."""

    local = peer = Endpoint("192.0.2.1", 25)

    def __init__(self) -> None:
        self.sent = b""
        self.is_full = False
        self.reading = "on"
        self.is_closed = False
        self.receiver: Receiver

    def attach(self, receiver: Receiver, /) -> None:
        self.receiver = receiver

    def write(self, data: bytes, /) -> bool:
        self.sent += data
        return not self.is_full

    def pause(self) -> None:
        self.reading = "off"

    def resume(self) -> None:
        self.reading = "on"

    def close(self, *, is_mutual: bool = False) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True


class Bench:
    """A server's end above Below, and an OpenSSL client that is moved by hand."""

    def __init__(self, tls: Tls) -> None:
        self.below, self.told = Below(), Recorder()
        self.infos: list[TlsInfo] = []
        self.errors: list[NetError] = []
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = tls.client.wrap_bio(self.incoming, self.outgoing, server_hostname=HOST)
        self.server = TlsConnection.server(self.below, tls.server.default)
        self.server.start(self.infos.append, self.errors.append, timeout_s=60)

    def shake(self) -> None:
        while not self.infos:
            with contextlib.suppress(ssl.SSLWantReadError):
                self.client.do_handshake()
            self.below.receiver.received(self.outgoing.read())
            self.incoming.write(self.below.sent)
            self.below.sent = b""

    def says(self, data: bytes) -> None:
        self.client.write(data)
        self.below.receiver.received(self.outgoing.read())


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder: Path = tmp_path_factory.mktemp("tls")
    return make_tls(folder)


def test_a_peer_that_reads_no_handshake_is_not_read_until_it_does(tls: Tls) -> None:
    async def scenario() -> None:
        bench = Bench(tls)
        bench.below.is_full = True
        with pytest.raises(ssl.SSLWantReadError):
            bench.client.do_handshake()
        bench.below.receiver.received(bench.outgoing.read())
        assert bench.below.reading == "off"
        bench.below.is_full = False
        bench.below.receiver.writable()
        assert bench.below.reading == "on"
        bench.incoming.write(bench.below.sent)
        bench.shake()
        assert bench.infos[0].version == "TLSv1.3"
        bench.server.abort()

    run(scenario())


def test_after_the_handshake_nothing_is_read_until_somebody_attaches(tls: Tls) -> None:
    async def scenario() -> None:
        bench = Bench(tls)
        bench.shake()
        assert bench.below.reading == "off"
        bench.server.attach(bench.told)
        assert bench.below.reading == "on"
        bench.says(b"EHLO\r\n")
        assert bench.told.got == b"EHLO\r\n"
        bench.server.abort()

    run(scenario())


def test_many_records_in_one_piece_are_handed_over_in_one_piece(tls: Tls) -> None:
    async def scenario() -> None:
        bench = Bench(tls)
        bench.shake()
        bench.server.attach(bench.told)
        for number in range(10):
            bench.client.write(b"%d" % number)
        wire = bench.outgoing.read()
        bench.below.receiver.received(wire[:-3])
        bench.below.receiver.received(wire[-3:])
        assert bench.told.chunks == [b"012345678", b"9"]
        bench.server.abort()

    run(scenario())


def test_the_receiver_is_told_to_go_on_only_if_it_was_told_to_wait(tls: Tls) -> None:
    async def scenario() -> None:
        bench = Bench(tls)
        bench.shake()
        bench.server.attach(bench.told)
        bench.below.receiver.writable()
        assert bench.told.writables == 0
        bench.below.is_full = True
        assert not bench.server.write(b"x" * 40_000)
        bench.below.receiver.writable()
        assert bench.told.writables == 1
        bench.server.abort()

    run(scenario())


def test_closing_says_close_notify(tls: Tls) -> None:
    async def scenario() -> None:
        bench = Bench(tls)
        bench.shake()
        bench.server.write(b"221 bye\r\n")
        bench.server.close()
        bench.server.close()
        bench.incoming.write(bench.below.sent)
        assert bench.client.read(100) == b"221 bye\r\n"
        assert bench.client.read(100) == b""  # OpenSSL's word for a good end
        assert bench.below.is_closed

    run(scenario())


@pytest.mark.parametrize("is_good_end", [True, False])
def test_an_end_below_does_not_overtake_bytes_that_wait_above(tls: Tls, is_good_end: bool) -> None:
    """Seen where the last bytes came with the client's Finished, and the end of the stream right behind."""

    async def scenario() -> None:
        bench = Bench(tls)
        bench.shake()
        bench.client.write(b"QUIT\r\n")
        if is_good_end:
            with contextlib.suppress(ssl.SSLWantReadError):
                bench.client.unwrap()
        bench.server.attach(bench.told)
        bench.server.pause()
        bench.below.receiver.received(bench.outgoing.read())
        bench.below.receiver.ended(None)
        assert bench.told.chunks == []
        bench.server.resume()
        await asyncio.sleep(0)
        assert bench.told.got == b"QUIT\r\n"
        assert [error is None for error in bench.told.ends] == [is_good_end]
        bench.server.close()

    run(scenario())
