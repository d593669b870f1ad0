"""What a sender demands of a server: said to one that does it, and nothing is sent to one that does not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import HOST, Tls, make_tls
from tests.unit.client.toy_server import HERE, ToyServer, with_server

from mailrail.client import CannotSend, Client, SendOptions
from mailrail.model import DeliverBy
from mailrail.net import Endpoint, client_context
from mailrail.smtp import Stage

RAW = b"From: ann@example.org\r\nTo: bob@example.net\r\n\r\nhi\r\n"
MONDAY = datetime(2026, 11, 30, 8, tzinfo=UTC)
ALL = (
    "REQUIRETLS",
    "FUTURERELEASE 86400 2026-12-01T00:00:00Z",
    "MT-PRIORITY MIXER",
    "DELIVERBY 60",
)


async def here(host: str, port: int) -> Sequence[Endpoint]:
    return [HERE]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


def sent(server: ToyServer, options: SendOptions, *, sender: str | None = None, **terms: Any) -> str:
    """Send a message, and return what was said as MAIL."""

    async def scenario(network: MemoryNetwork) -> None:
        terms.setdefault("tls", "none")
        async with Client(HOST, network=network, resolve=here, **terms) as client:
            await client.send(RAW, sender, options=options)

    with_server(server, scenario)
    (mail,) = [line for line in server.heard if line.startswith("MAIL")]
    return mail


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (SendOptions(), ""),
        (SendOptions(hold_for_s=3600), "HOLDFOR=3600"),
        (SendOptions(hold_until=MONDAY), "HOLDUNTIL=2026-11-30T08:00:00Z"),
        (
            SendOptions(hold_until=MONDAY.astimezone(timezone(timedelta(hours=5, minutes=30)))),
            "HOLDUNTIL=2026-11-30T08:00:00Z",
        ),
        (SendOptions(priority=-4), "MT-PRIORITY=-4"),
        (SendOptions(priority=0), "MT-PRIORITY=0"),
        (SendOptions(deliver_by=DeliverBy(60, returns=True)), "BY=60;R"),
        (SendOptions(deliver_by=DeliverBy(1, returns=False, traces=True)), "BY=1;NT"),
    ],
)
def test_what_is_demanded_is_said_to_a_server_that_does_it(options: SendOptions, said: str) -> None:
    assert said in sent(ToyServer(keywords=ALL), options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SendOptions(hold_for_s=60), "does not offer FUTURERELEASE"),
        (SendOptions(hold_until=MONDAY), "does not offer FUTURERELEASE"),
        (SendOptions(priority=0), "does not offer MT-PRIORITY"),
        (SendOptions(deliver_by=DeliverBy(60, returns=False)), "does not offer DELIVERBY"),
        (SendOptions(priority=1, hold_for_s=1), "does not offer FUTURERELEASE, MT-PRIORITY"),
        (SendOptions(requiretls=True), 'give the client tls="verify"'),
    ],
)
def test_a_server_that_does_not_do_it_gets_nothing_and_the_error_says_what_it_lacks(
    options: SendOptions, words: str
) -> None:
    server = ToyServer()
    with pytest.raises(CannotSend, match=words) as caught:
        sent(server, options)
    assert caught.value.stage is Stage.MAIL
    assert caught.value.recipients == ("bob@example.net",)
    assert str(caught.value).startswith(f"{HOST}: ")
    assert not any(line.startswith("MAIL") for line in server.heard)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SendOptions(deliver_by=DeliverBy(59, returns=True)), "no delivery within 59 s, but within 60 s"),
        (SendOptions(hold_for_s=86_401), "back for 86401 s, but for 86400 s"),
        (
            SendOptions(hold_until=datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)),
            "until 2026-12-01T00:00:01Z, but until 2026-12-01T00:00:00Z",
        ),
    ],
)
def test_nor_does_a_server_that_does_not_do_so_much(options: SendOptions, words: str) -> None:
    """RFC 4865 §4.1, RFC 2852 §3."""
    with pytest.raises(CannotSend, match=words):
        sent(ToyServer(keywords=ALL), options)


def test_requiretls_wants_the_clients_own_session_to_be_verified(tls: Tls) -> None:
    """RFC 8689 §4.3."""
    server = ToyServer(keywords=("STARTTLS", "REQUIRETLS"), contexts=tls.server)
    options = SendOptions(requiretls=True)
    assert sent(server, options, tls="verify", context=tls.client).endswith(" REQUIRETLS")
    with pytest.raises(CannotSend, match="verified TLS"):
        sent(server, options, tls="encrypt", context=client_context(verify=False))
    bare = ToyServer(keywords=("STARTTLS",), contexts=tls.server)
    with pytest.raises(CannotSend, match="does not offer REQUIRETLS"):
        sent(bare, options, tls="verify", context=tls.client)


def test_a_notice_is_not_kept_back() -> None:
    """RFC 4865 §5.1.1."""
    with pytest.raises(CannotSend, match="a notice is not to be kept back"):
        sent(ToyServer(keywords=ALL), SendOptions(hold_for_s=60), sender="")


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"priority": 10}, "from -9 to 9"),
        ({"hold_for_s": -1}, "from 1 to 999999999"),
        ({"hold_until": datetime(2026, 11, 30)}, "no time zone"),  # noqa: DTZ001 -- what is refused
        ({"hold_for_s": 1, "hold_until": MONDAY}, "exclude one another"),
        ({"deliver_by": DeliverBy(0, returns=True)}, "a time above 0"),
        ({"deliver_by": DeliverBy(60, returns=False), "hold_for_s": 61}, "longer than it may take"),
    ],
)
def test_wishes_that_cannot_be_are_told_where_they_are_made(wishes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SendOptions(**wishes)
