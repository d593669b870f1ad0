"""The knobs of the simulated Internet, and that it is deterministic, on any loop."""

import asyncio

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import Recorder, run, until

from mailrail.model import NetError, NetTrouble
from mailrail.net import Connection, Endpoint

MX = Endpoint("192.0.2.1", 25)


class Echo(Recorder):
    """Sends everything back."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        connection.attach(self)

    def received(self, data: bytes, /) -> None:
        super().received(data)
        self.connection.write(data)

    def ended(self, error: NetError | None, /) -> None:
        super().ended(error)
        self.connection.close()


def echo(connection: Connection) -> None:
    Echo(connection)


def test_an_endpoint_can_refuse_hide_and_heal() -> None:
    async def scenario() -> None:
        network = MemoryNetwork()
        network.listen(MX, echo)
        network.refuse(MX)
        with pytest.raises(NetError) as caught:
            await network.connect(MX, timeout_s=1)
        assert caught.value.trouble is NetTrouble.REFUSED
        network.black_hole(MX)
        with pytest.raises(NetError) as caught:
            await network.connect(MX, timeout_s=0.001)
        assert caught.value.trouble is NetTrouble.TIMEOUT
        network.heal(MX)
        (await network.connect(MX, timeout_s=1)).close()

    run(scenario())


def test_a_path_that_breaks_after_some_bytes_resets_both_ends() -> None:
    async def scenario() -> None:
        network, echoes = MemoryNetwork(), list[Echo]()
        network.listen(MX, lambda connection: echoes.append(Echo(connection)))
        network.drop_after(MX, 150)
        client, told = await network.connect(MX, timeout_s=1), Recorder()
        client.attach(told)
        client.write(b"x" * 100)
        await until(lambda: bool(told.ends and echoes[0].ends))
        assert len(echoes[0].got) == 100
        assert len(told.got) == 50
        for ends in (told.ends, echoes[0].ends):
            assert [error and error.trouble for error in ends] == [NetTrouble.RESET]

    run(scenario())


def test_a_delayed_path_takes_its_time_and_keeps_the_order() -> None:
    async def scenario() -> None:
        network = MemoryNetwork()
        network.listen(MX, echo)
        network.delay(MX, 0.004)
        loop = asyncio.get_running_loop()
        began = loop.time()
        client, told = await network.connect(MX, timeout_s=1), Recorder()
        client.attach(told)
        for number in range(100):
            client.write(b"%d," % number)
        await until(lambda: told.got.endswith(b"99,"))
        assert told.got == b"".join(b"%d," % number for number in range(100))
        assert loop.time() - began >= 4 * 0.004
        client.close()

    run(scenario())


def test_two_runs_are_the_same() -> None:
    def play() -> list[bytes]:
        chunks: list[bytes] = []

        async def scenario() -> None:
            network = MemoryNetwork()
            network.listen(MX, echo)
            client, told = await network.connect(MX, timeout_s=1), Recorder()
            client.attach(told)
            for number in range(50):
                client.write(b"%d" % number * (number * 97))
                await asyncio.sleep(0)
            await until(lambda: len(told.got) == sum(len(b"%d" % n) * n * 97 for n in range(50)))
            chunks.extend(told.chunks)
            client.close()

        run(scenario())
        return chunks

    assert play() == play()
