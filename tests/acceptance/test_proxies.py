"""Clients that come through a proxy: the daemon counts, trusts and traces them, not the proxy."""

from pathlib import Path

from tests.acceptance.house import FRIEND, MX, STRANGER, Client, House, live

PROXY = "203.0.113.80"


async def by_proxy(house: House, client: str) -> Client:
    """Connect through the proxy for *client*, and say EHLO."""
    proxied = await house.arrive(PROXY)
    await proxied.send(f"PROXY TCP4 {client} {MX.host} 40000 25\r\n".encode())
    assert (await proxied.reply()).startswith("220")
    assert (await proxied.say("EHLO client.example")).startswith("250")
    return proxied


def test_a42_trust_trace_and_events_go_by_the_client_behind_the_proxy(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        friend, stranger = await by_proxy(house, FRIEND), await by_proxy(house, STRANGER)
        assert (await stranger.start("bob@far.example")).startswith("550 5.7.1")
        assert (await friend.give("bob@far.example")).startswith("250")
        await house.until(lambda: house.hop.contents)
        assert f"([{FRIEND}])".encode() in house.hop.contents[0]
        assert [event.client for event in house.told("MessageAccepted")] == [FRIEND]
        assert (await (await house.arrive(FRIEND)).reply()).startswith("554 5.7.1"), "not by the proxy"

    behind = {"address": str(MX), "proxy_protocol": True, "proxy_from": [PROXY]}
    live(tmp_path, scenario, listener=[behind])


def test_a42_trust_and_trace_go_by_the_client_and_the_login_that_xclient_tells(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        proxy = await house.client(PROXY)
        assert (await proxy.start("bob@far.example")).startswith("550 5.7.1"), (
            "a proxy may not relay for that"
        )
        assert (await proxy.say("RSET")).startswith("250")
        assert (await proxy.say(f"XCLIENT ADDR={STRANGER} LOGIN=ann HELO=a.example")).startswith("220")
        assert (await proxy.say("EHLO proxy.example")).startswith("250")
        assert (await proxy.give("bob@far.example")).startswith("250")
        await house.until(lambda: house.hop.contents)
        assert f"from a.example ([{STRANGER}])".encode() in house.hop.contents[0]
        assert b"with ESMTPA" in house.hop.contents[0]
        stranger = await house.client(STRANGER)
        assert (await stranger.say(f"XCLIENT ADDR={FRIEND}")).startswith("550 5.7.0")

    live(tmp_path, scenario, listener=[{"address": str(MX), "xclient_from": [PROXY]}])
