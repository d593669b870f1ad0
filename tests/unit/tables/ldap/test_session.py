"""What a server says is believed only as far as the standard goes; all else is "not now"."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.support.ldap_server import PLACE, LdapServer, bound, done, entry, extended, reference, tlv
from tests.support.memory_net import MemoryNetwork

from mailrail.net import client_context
from mailrail.sim import simulate
from mailrail.tables import TableError
from mailrail.tables.ldap import Entry, Scope, Search, Session
from mailrail.tables.links import LinkLost

WANTED = Search("dc=example", Scope.SUBTREE, b"\x87\x02cn", ("mail",), 10)
ANN = entry(1, "uid=ann", Mail=["ann@example.org", "info@example.org"], cn=["Ann"])


def talk(test: Callable[[Session], Coroutine[Any, Any, None]], *answers: bytes) -> LdapServer:
    server = LdapServer(list(answers))

    async def body() -> None:
        network = MemoryNetwork()
        server.listen(network)
        session = Session(await network.connect(PLACE, timeout_s=5))
        await test(session)
        await session.close()

    simulate(body())
    return server


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_entries_are_found_however_their_octets_arrive(cut: int) -> None:
    whole = reference(1) + ANN + entry(9, "uid=other") + done(1)

    async def test(session: Session) -> None:
        assert await session.search(WANTED) == [
            Entry("uid=ann", {"mail": (b"ann@example.org", b"info@example.org"), "cn": (b"Ann",)})
        ]

    async def in_pieces(session: Session) -> None:
        for place in range(0, len(whole), cut):
            session.received(whole[place : place + cut])
        await test(session)

    talk(test, whole)
    talk(in_pieces)


def test_a_password_is_right_or_wrong_and_an_empty_one_is_never_sent() -> None:
    async def test(session: Session) -> None:
        assert await session.bind("uid=ann", "secret")
        assert not await session.bind("uid=ann", "wrong")
        assert not await session.bind("uid=nobody", "wrong")
        with pytest.raises(TableError, match=r"ended with unwillingToPerform \(locked\)"):
            await session.bind("uid=ann", "secret")
        with pytest.raises(AssertionError):
            await session.bind("uid=ann", "")

    server = talk(test, bound(1), bound(2, 49), bound(3, 48), bound(4, 53, "locked"))
    assert len(server.asked) == 5  # and goodbye


def test_what_a_search_ends_with_is_told() -> None:
    async def test(session: Session) -> None:
        assert await session.search(WANTED) == []
        with pytest.raises(TableError, match="more than 10 entries below dc=example"):
            await session.search(WANTED)
        with pytest.raises(TableError, match="ended with busy"):
            await session.search(WANTED)
        with pytest.raises(TableError, match="ended with referral"):
            await session.search(WANTED)

    talk(test, done(1, 32), done(2, 4), done(3, 51), done(4, 10))


@pytest.mark.parametrize(
    "garbage",
    [
        b"220 mx.example ESMTP\r\n",
        b"\x30\x84\x7f\xff\xff\xff",  # two gigabytes to come
        b"\x30\x80",
        tlv(0x30),
        tlv(0x30, tlv(2, b"\1"), tlv(0x65)),
        tlv(0x30, tlv(2, b"\1"), tlv(0x64, tlv(4), tlv(0x30, tlv(4)))),
        extended(0, 52, "shutting down"),  # a notice of disconnection
        entry(1, "uid=ann", mail=["x" * 60_000]) * 80,
    ],
)
def test_whatever_is_no_answer_ends_the_connection_a74(garbage: bytes) -> None:
    async def test(session: Session) -> None:
        with pytest.raises(LinkLost):
            await session.search(WANTED)
        with pytest.raises(LinkLost):
            await session.search(WANTED)

    talk(test, garbage)


def test_octets_behind_the_answer_to_starttls_are_never_the_servers_a8() -> None:
    """A8, seen from the client: what was slipped in before the handshake is not taken for what came after."""

    async def test(session: Session) -> None:
        with pytest.raises(TableError, match="more behind the answer"):
            await session.start_tls(client_context(verify=True), "ldap.example.org", 5)

    talk(test, extended(1) + bound(1))


def test_a_server_that_will_not_have_tls_is_left_a55() -> None:
    """A55: StartTLS that is refused is never a reason to go on in clear."""

    async def test(session: Session) -> None:
        with pytest.raises(TableError, match="StartTLS is refused: unavailable"):
            await session.start_tls(client_context(verify=True), "ldap.example.org", 5)

    assert len(talk(test, extended(1, 52)).asked) == 2  # and goodbye
