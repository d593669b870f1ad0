"""What every Watch does: the loop itself, and one epoll for all sockets."""

import asyncio
import select
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.net_world import run

from mailrail.net.turn import Turn
from mailrail.net.watch import EpollWatch, Watch

MAKERS: dict[str, Callable[[asyncio.AbstractEventLoop], Watch]] = {"loop": lambda loop: loop}
if hasattr(select, "epoll"):
    MAKERS["epoll"] = lambda loop: EpollWatch(loop, Turn(loop))


@pytest.fixture(params=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Callable[[asyncio.AbstractEventLoop], Watch]:
    return MAKERS[request.param]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


Make = Callable[[asyncio.AbstractEventLoop], Watch]
Pair = tuple[socket.socket, socket.socket]


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_reader_is_called_as_long_as_there_is_input(make: Make, pair: Pair) -> None:
    async def scenario() -> None:
        ours, theirs = pair
        watch, calls = make(asyncio.get_running_loop()), list[str]()
        watch.add_reader(ours.fileno(), lambda: calls.append("read"))
        await turns()
        assert calls == []
        theirs.send(b"x")
        await turns()
        assert len(calls) >= 2
        ours.recv(1)
        await turns()
        before = len(calls)
        await turns()
        assert len(calls) == before
        watch.remove_reader(ours.fileno())

    run(scenario())


def test_a_reader_that_was_removed_is_not_called(make: Make, pair: Pair) -> None:
    async def scenario() -> None:
        ours, theirs = pair
        watch, calls = make(asyncio.get_running_loop()), list[str]()
        watch.add_reader(ours.fileno(), lambda: calls.append("read"))
        theirs.send(b"x")
        watch.remove_reader(ours.fileno())
        watch.remove_reader(ours.fileno())  # idempotent
        await turns()
        assert calls == []

    run(scenario())


def test_reader_and_writer_of_a_socket_come_and_go_apart(make: Make, pair: Pair) -> None:
    async def scenario() -> None:
        ours, theirs = pair
        fd, watch, calls = ours.fileno(), make(asyncio.get_running_loop()), list[str]()
        watch.add_reader(fd, lambda: calls.append("read"))

        def write() -> None:
            calls.append("write")
            watch.remove_writer(fd)

        watch.add_writer(fd, write)
        await turns()
        assert calls == ["write"]
        theirs.send(b"x")
        await turns()
        assert "read" in calls
        watch.remove_reader(fd)
        calls.clear()
        watch.add_writer(fd, lambda: calls.append("again"))
        await turns()
        assert set(calls) == {"again"}
        watch.remove_writer(fd)

    run(scenario())


def test_the_end_of_a_peer_is_input(make: Make, pair: Pair) -> None:
    async def scenario() -> None:
        ours, theirs = pair
        watch, ended = make(asyncio.get_running_loop()), asyncio.Event()
        watch.add_reader(ours.fileno(), ended.set)
        theirs.close()
        async with asyncio.timeout(5):
            await ended.wait()
        watch.remove_reader(ours.fileno())

    run(scenario())


def test_whom_another_callback_of_the_turn_has_removed_is_not_called(make: Make) -> None:
    async def scenario() -> None:
        watch, calls = make(asyncio.get_running_loop()), list[int]()
        pairs = [socket.socketpair() for _ in range(2)]
        fds = [ours.fileno() for ours, _ in pairs]

        def read(number: int) -> None:
            calls.append(number)
            for fd in fds:
                watch.remove_reader(fd)

        for number, (ours, theirs) in enumerate(pairs):
            watch.add_reader(ours.fileno(), lambda number=number: read(number))  # type: ignore[misc]
            theirs.send(b"x")
        await turns()
        assert len(calls) == 1
        for ours, theirs in pairs:
            ours.close()
            theirs.close()

    run(scenario())


def test_a_callback_that_fails_is_told_and_stops_no_other(make: Make) -> None:
    async def scenario() -> None:
        loop, told, calls = asyncio.get_running_loop(), list[Any](), list[str]()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        watch, pairs = make(loop), [socket.socketpair() for _ in range(2)]

        def fail() -> None:
            watch.remove_reader(pairs[0][0].fileno())
            raise ValueError("a fault")

        watch.add_reader(pairs[0][0].fileno(), fail)
        watch.add_reader(pairs[1][0].fileno(), lambda: calls.append("read"))
        for _, theirs in pairs:
            theirs.send(b"x")
        await turns()
        watch.remove_reader(pairs[1][0].fileno())
        assert [str(error) for error in told] == ["a fault"]
        assert calls
        for ours, theirs in pairs:
            ours.close()
            theirs.close()

    run(scenario())
