"""Who waits for the end of a message takes note of it before the content of the next leaves (rows A59, A60)."""

import asyncio

from tests.unit.client.toy_server import HERE, envelope

from mailrail.client import ClientSession, ClientSettings, WholeSource
from mailrail.client.wire import Wire
from mailrail.model import Body
from mailrail.net import Endpoint, Receiver
from mailrail.sim import simulate
from mailrail.smtp import ClientConnection

CONTENT = b"Subject: hi\r\n\r\nhello\r\n"
GO_AHEAD = b"250 ok\r\n250 ok\r\n354 go\r\n"


class Paper:
    """A connection that keeps what is written to it; what comes is handed to the wire by the test."""

    local: Endpoint = HERE
    peer: Endpoint = HERE
    is_closed = False

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def attach(self, receiver: Receiver, /) -> None:
        pass

    def write(self, data: bytes, /) -> bool:
        self.written.append(data)
        return True

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def close(self, *, is_mutual: bool = False) -> None:
        pass

    def abort(self) -> None:
        pass


def test_room_for_output_sends_no_content_before_the_end_of_the_message_in_front_is_noted() -> None:
    """Who waited may have been cancelled meanwhile: then the second goes back, and must not have been sent."""

    async def main() -> None:
        paper, protocol = Paper(), ClientConnection()
        wire = Wire(paper, protocol, ClientSettings())
        wire.attach()
        wire.received(b"220 toy\r\n")
        await wire.answer()
        protocol.hello("client.example")
        wire.flush()
        wire.received(b"250-toy\r\n250 PIPELINING\r\n")
        await wire.answer()
        session, first, second = (
            ClientSession(wire, ClientSettings()),
            envelope("a@example.net"),
            envelope("b@example.net"),
        )

        def announce() -> None:
            assert session.announce(
                second, WholeSource(CONTENT), recipients=second.recipients, body=Body.SEVEN_BIT
            )

        sending = asyncio.create_task(session.send(first, WholeSource(CONTENT), behind=announce))
        await asyncio.sleep(0)
        wire.received(GO_AHEAD)
        assert paper.written[-1].startswith(CONTENT + b".\r\nMAIL FROM")
        paper.written.clear()
        wire.received(b"250 first\r\n" + GO_AHEAD)
        wire.writable()
        assert paper.written == []
        assert str((await sending).replies[0]) == "250 first"
        sending = asyncio.create_task(session.send_announced())
        await asyncio.sleep(0)
        assert paper.written == [CONTENT + b".\r\n"]
        wire.received(b"250 second\r\n")
        assert str((await sending).replies[0]) == "250 second"

    simulate(main())
