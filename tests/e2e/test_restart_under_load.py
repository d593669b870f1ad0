"""A44: stopped in good order under load, again and again: each message taken arrives exactly once."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.load_client import Letter, LoadClient, under_load
from tests.support.receiver import Mail, Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

STOPS = 4


def letters() -> Iterator[Letter]:
    for number in itertools.count(1):
        content = f"Subject: {number}\r\n\r\nhello\r\n".encode()
        yield Letter(number, "ann@sender.example", (f"n{number}@receiver.example",), content)


async def stop_again_and_again(daemon: Daemon, client: LoadClient) -> None:
    for _ in range(STOPS):
        client.allow(len(client.load.taken) + 1000)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(daemon.stop)
        await asyncio.to_thread(daemon.start)


def test_a44_each_message_taken_arrives_exactly_once_over_restarts_in_good_order(tmp_path: Path) -> None:
    arrived: Counter[str] = Counter()

    def count(mail: Mail) -> None:
        arrived.update(mail.recipients)

    with (
        Receiver(on_mail=count) as receiver,
        running(tmp_path, route=[to(receiver.address)], log={"level": "warning"}) as daemon,
    ):
        client = LoadClient(daemon.host, daemon.port, letters(), sessions=10, most_taken=1000)
        asyncio.run(under_load(client, lambda: stop_again_and_again(daemon, client)))
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert len(client.load.taken) > 100
        assert {f"TO:<n{number}@receiver.example>" for number in client.load.taken} <= set(arrived)
        assert set(arrived.values()) == {1}
        # What was not answered in good order was told 421: nobody is left in doubt about more than that.
        assert all(reply.startswith(("421", "[b'421")) for reply in client.load.refused.values())
        assert daemon.errors() == []
