"""What every Connection promises (net/api.py): one suite on loopback, Unix sockets and memory, each also under TLS."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import (
    LOOPBACK,
    MEGABYTE,
    Recorder,
    Tls,
    World,
    make_tls,
    pattern,
    run,
    start_sending,
    until,
)

from mailrail.model import NetTrouble
from mailrail.net import Connection, Endpoint, Network, SocketNetwork

KINDS = ["memory", "sockets", "unix"]


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=[*KINDS, *(f"tls over {kind}" for kind in KINDS)])
def world(request: pytest.FixtureRequest, tmp_path: Path, tls: Tls) -> World:
    kind: str = request.param
    network: Network = MemoryNetwork() if "memory" in kind else SocketNetwork()
    endpoint = Endpoint(str(tmp_path / "socket"), 0) if "unix" in kind else LOOPBACK
    return World(network, endpoint, tls if "tls" in kind else None)


# -- bytes ------------------------------------------------------------------------------------------


def test_bytes_arrive_in_order_both_ways(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        ours, theirs = Recorder(), Recorder()
        client.attach(ours)
        server.attach(theirs)
        for number in range(100):
            assert client.write(b"ask %d\r\n" % number)
            assert server.write(b"answer %d\r\n" % number)
        await until(lambda: b"ask 99\r\n" in theirs.got and b"answer 99\r\n" in ours.got)
        assert theirs.got == b"".join(b"ask %d\r\n" % number for number in range(100))
        assert ours.got == b"".join(b"answer %d\r\n" % number for number in range(100))
        client.abort()
        server.abort()

    run(scenario())


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_single_bytes_make_the_same_stream_as_whole_writes(world: World, piece: int) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        taken, data = Recorder(), pattern(4096)
        server.attach(taken)
        start_sending(client, data, piece)
        await until(lambda: bool(taken.ends))
        assert taken.got == data
        assert taken.ends == [None]
        server.close()

    run(scenario())


def test_a_large_stream_passes_whole_with_a_writer_that_waits_when_told(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        taken, data = Recorder(), pattern(8 * MEGABYTE)
        server.attach(taken)
        sender = start_sending(client, data, 50_000)
        await until(lambda: bool(taken.ends))
        assert taken.got == data
        assert sender.writables > 0
        server.close()

    run(scenario())


def test_an_empty_write_is_nothing(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        taken = Recorder()
        server.attach(taken)
        assert client.write(b"")
        assert client.write(b"x")
        await until(lambda: taken.got == b"x")
        client.abort()
        server.abort()

    run(scenario())


def has_chunks(taken: Recorder, count: int) -> bool:
    return len(taken.chunks) >= count


# -- pressure ---------------------------------------------------------------------------------------


def test_a_paused_reader_stops_the_writer_and_loses_nothing(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        taken, told = Recorder(), Recorder()
        server.attach(taken)
        client.attach(told)
        server.pause()
        piece, sent = pattern(16 * 1024), 0
        while client.write(piece):
            sent += 1
            await asyncio.sleep(0)
            assert sent * len(piece) < 32 * MEGABYTE, "nobody stops this writer"
        sent += 1
        await asyncio.sleep(0.02)
        assert taken.chunks == []
        assert told.writables == 0
        server.resume()
        await until(lambda: len(taken.got) == sent * len(piece))
        assert taken.got == piece * sent
        await until(lambda: told.writables == 1)
        client.abort()
        server.abort()

    run(scenario())


def test_pausing_inside_received_holds_the_rest_and_the_end_back(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()

        class Sipping(Recorder):
            def received(self, data: bytes, /) -> None:
                super().received(data)
                server.pause()

        taken, data = Sipping(), pattern(300_000)
        server.attach(taken)
        start_sending(client, data, 10_000)
        known = 0
        while len(taken.got) < len(data):
            known += 1
            await until(partial(has_chunks, taken, known))
            await asyncio.sleep(0.002)
            assert len(taken.chunks) == known
            assert not taken.ends
            server.resume()
        await until(lambda: bool(taken.ends))
        assert taken.got == data
        assert taken.ends == [None]
        server.close()

    run(scenario())


# -- ends -------------------------------------------------------------------------------------------


def test_close_sends_what_waits_then_ends_in_good_order(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        taken, closer, data = Recorder(), Recorder(), pattern(3 * MEGABYTE)
        client.attach(closer)
        client.write(data)
        client.close()
        assert client.is_closed
        server.attach(taken)
        await until(lambda: bool(taken.ends))
        assert taken.got == data
        assert taken.ends == [None]
        assert not server.is_closed
        server.close()
        assert closer.ends == []

    run(scenario())


def test_the_last_reply_survives_input_that_nobody_reads(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        told = Recorder()
        server.attach(Recorder())
        server.pause()
        client.write(pattern(200_000))
        await asyncio.sleep(0.005)
        server.write(b"552 5.3.4 too big\r\n")
        server.close()
        client.write(pattern(200_000))  # it has not seen the reply yet
        await asyncio.sleep(0.005)
        client.attach(told)
        await until(lambda: bool(told.ends))
        assert told.got == b"552 5.3.4 too big\r\n"
        assert told.ends == [None]
        client.close()

    run(scenario())


def test_what_the_peer_said_before_it_vanished_is_still_read(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        told = Recorder()
        server.write(b"421 4.3.2 going down\r\n")
        await asyncio.sleep(0.005)
        server.abort()
        await asyncio.sleep(0.005)
        for _ in range(5):
            client.write(b"NOOP\r\n")
            await asyncio.sleep(0.002)
        client.attach(told)
        await until(lambda: bool(told.ends))
        assert told.got == b"421 4.3.2 going down\r\n"
        assert len(told.ends) == 1
        client.close()

    run(scenario())


def test_abort_drops_what_waits_and_the_peer_learns_that_it_is_incomplete(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        taken, data = Recorder(), pattern(12 * MEGABYTE)
        client.attach(Recorder())
        client.write(data)
        client.abort()
        client.abort()
        assert client.is_closed
        server.attach(taken)
        await until(lambda: bool(taken.ends))
        assert len(taken.got) < len(data)
        assert len(taken.ends) == 1
        if client.local.is_unix and world.tls is None:
            server.close()
            return  # here the system has no word for it
        error = taken.ends[0]
        assert error is not None
        assert error.trouble is NetTrouble.RESET
        assert server.is_closed

    run(scenario())


@pytest.mark.parametrize("leave", [lambda end: end.close(), lambda end: end.abort()], ids=["close", "abort"])
def test_nothing_is_called_after_close_or_abort(world: World, leave: Callable[[Connection], None]) -> None:
    async def scenario() -> None:
        client, server = await world.pair()

        class Leaving(Recorder):
            def received(self, data: bytes, /) -> None:
                super().received(data)
                leave(server)

        taken = Leaving()
        server.attach(taken)
        client.attach(Recorder())
        for _ in range(200):
            client.write(b"x" * 1000)
        await asyncio.sleep(0.01)
        client.close()
        await asyncio.sleep(0.01)
        assert len(taken.chunks) == 1
        assert taken.ends == []
        assert taken.writables == 0

    run(scenario())


def test_after_the_peers_end_we_may_still_write_and_it_is_told_once(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        told = Recorder()
        server.attach(told)
        client.close()
        await until(lambda: bool(told.ends))
        assert not server.is_closed
        for _ in range(5):
            server.write(b"late\r\n")
            await asyncio.sleep(0.002)
        server.close()
        await asyncio.sleep(0.005)
        assert told.ends == [None]

    run(scenario())


def test_writing_to_a_closed_connection_is_no_error(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        taken = Recorder()
        server.attach(taken)
        client.close()
        assert client.write(b"too late")
        client.close()
        await until(lambda: bool(taken.ends))
        assert taken.got == b""
        server.abort()
        assert server.write(b"too late")
        server.pause()
        server.resume()

    run(scenario())


def test_no_call_happens_inside_a_call(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        ours, theirs = Recorder(), Recorder()
        server.write(b"220 early\r\n")
        await asyncio.sleep(0.005)

        def forbidden(call: Callable[[], object]) -> None:
            ours.is_forbidden = theirs.is_forbidden = True
            call()
            ours.is_forbidden = theirs.is_forbidden = False

        forbidden(lambda: client.attach(ours))
        forbidden(lambda: server.attach(theirs))
        forbidden(lambda: client.write(b"x" * 500_000))
        forbidden(client.pause)
        forbidden(client.resume)
        forbidden(server.abort)
        for _ in range(10):
            forbidden(lambda: client.write(b"x" * 500_000))
            await asyncio.sleep(0.001)
        await until(lambda: bool(ours.ends))
        forbidden(client.close)
        assert ours.got == b"220 early\r\n"

    run(scenario())


def test_a_new_receiver_gets_what_comes_from_then_on(world: World) -> None:
    async def scenario() -> None:
        client, server = await world.pair()
        second = Recorder()

        class First(Recorder):
            def received(self, data: bytes, /) -> None:
                super().received(data)
                server.attach(second)

        first = First()
        server.attach(first)
        client.write(b"one")
        await until(lambda: first.got == b"one")
        client.write(b"two")
        client.close()
        await until(lambda: bool(second.ends))
        assert second.got == b"two"
        assert first.got == b"one"
        assert first.ends == []
        server.close()

    run(scenario())
