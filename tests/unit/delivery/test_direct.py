"""Direct-to-MX delivery as one call."""

from email.message import EmailMessage

import pytest
from tests.support.fake_resolver import FakeResolver
from tests.support.memory_net import MemoryNetwork
from tests.unit.client.toy_server import ToyServer
from tests.unit.delivery.world import DNS, ONE, TWO

from mailrail.client import CannotSend
from mailrail.delivery import Delivery, deliver
from mailrail.net import Endpoint
from mailrail.sim import simulate

SECOND = {"other.example": ["MX 1 mx2.example.org"], **DNS}


def delivered(
    message: EmailMessage | bytes, servers: dict[Endpoint, ToyServer], *recipients: str, port: int = 25
) -> Delivery:
    async def main() -> Delivery:
        network = MemoryNetwork()
        for endpoint, server in servers.items():
            network.listen(endpoint, server.accept)
        return await deliver(
            message, "ann@example.com", recipients or None,
            hello_name="out.example.com", resolver=FakeResolver(SECOND), port=port, network=network,
        )  # fmt: skip

    return simulate(main())


def letter(to: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "ann@example.com"
    message["To"] = to
    message["Subject"] = "hello"
    message.set_content("hello\n")
    return message


def test_each_recipient_gets_the_message_from_the_host_of_its_domain() -> None:
    one, two = ToyServer(), ToyServer()
    done = delivered(letter("a@example.org, b@other.example, c@example.org"), {ONE: one, TWO: two})
    assert list(done.delivered) == ["a@example.org", "b@other.example", "c@example.org"]
    assert (len(one.contents), len(two.contents)) == (1, 1)
    assert b"Subject: hello\r\n" in one.contents[0]


def test_every_recipient_is_told_apart() -> None:
    server = ToyServer(
        script={"RCPT TO:<b@example.org>": ["550 5.1.1 no"], "RCPT TO:<c@example.org>": ["451 4.7.1 later"]}
    )
    done = delivered(
        b"Subject: x\n\nhello\n",
        {ONE: server},
        "a@example.org",
        "b@example.org",
        "c@example.org",
        "d@gone.example",
    )
    assert list(done.delivered) == ["a@example.org"]
    assert list(done.failed) == ["b@example.org", "d@gone.example"]
    assert list(done.deferred) == ["c@example.org"]
    assert done.failed["d@gone.example"].reply.enhanced_code == "5.1.2"
    assert str(done).startswith(
        "a@example.org: delivered: 250 2.0.0 taken; b@example.org: failed: 550 5.1.1 no; "
        "c@example.org: deferred: 451 4.7.1 later; d@gone.example: failed: 550 5.1.2 "
    )


def test_in_a_laboratory_the_mail_hosts_may_listen_at_another_port() -> None:
    done = delivered(letter("a@example.org"), {Endpoint("192.0.2.1", 2525): ToyServer()}, port=2525)
    assert list(done.delivered) == ["a@example.org"]


def test_an_address_that_is_none_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(CannotSend):
        delivered(b"Subject: x\r\n\r\n", {}, "not an address")
