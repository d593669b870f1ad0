"""PROXY headers and XCLIENT as swaks writes them, against a real daemon."""

from pathlib import Path

import pytest
from tests.support.daemon import running, to
from tests.support.peers.processes import free_port
from tests.support.peers.swaks import swaks
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CLIENT = "192.0.2.7"
MAIL = ("--from", "ann@sender.example", "--to", "bob@receiver.example")
RELAY = {"networks": [CLIENT]}


@pytest.mark.parametrize("version", ["1", "2"])
def test_a42_swaks_speaks_for_a_client_by_a_proxy_header(tmp_path: Path, version: str) -> None:
    port = free_port()
    listener = [{}, {"address": f"127.0.0.1:{port}", "proxy_protocol": True, "proxy_from": ["127.0.0.1"]}]
    header: tuple[str, ...] = (
        "--proxy-version", version, "--proxy-family", "TCP4" if version == "1" else "AF_INET",
        "--proxy-source", CLIENT, "--proxy-source-port", "40000", "--proxy-dest", "192.0.2.25", "--proxy-dest-port", "25",
    )  # fmt: skip
    if version == "2":
        header = (*header, "--proxy-protocol", "STREAM", "--proxy-command", "PROXY")
    with (
        Receiver() as receiver,
        running(tmp_path, relay=RELAY, route=[to(receiver.address)], listener=listener) as daemon,
    ):
        done = swaks(daemon.host, port, *MAIL, *header)
        assert done.exit_code == 0, done.transcript
        (mail,) = receiver.wait_for(1)
        assert f"([{CLIENT}])".encode() in mail.header
        assert daemon.wait_for("ClientTold", client=f"{CLIENT}:40000", proxy="127.0.0.1", means="PROXY")


def test_a42_swaks_speaks_for_a_client_by_xclient(tmp_path: Path) -> None:
    told = ("--xclient", f"ADDR={CLIENT} PORT=40000 HELO=client.example")
    with (
        Receiver() as receiver,
        running(
            tmp_path, relay=RELAY, route=[to(receiver.address)], listener=[{"xclient_from": ["127.0.0.1"]}]
        ) as daemon,
    ):
        assert swaks(daemon.host, daemon.port, *MAIL).exit_code != 0, "the proxy itself may not relay"
        done = swaks(daemon.host, daemon.port, *MAIL, *told)
        assert done.exit_code == 0, done.transcript
        (mail,) = receiver.wait_for(1)
        assert f"from client.example ([{CLIENT}])".encode() in mail.header
        assert daemon.wait_for("ClientTold", client=f"{CLIENT}:40000", means="XCLIENT")
