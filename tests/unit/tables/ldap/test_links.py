"""The servers of a directory: in their order, and only those that will have us."""

import asyncio
from collections.abc import Sequence

import pytest
from pydantic import TypeAdapter
from tests.support.ldap_server import PLACE, LdapServer, bound, done, entry, extended
from tests.support.memory_net import MemoryNetwork

from mailrail.model import DnsError
from mailrail.net import Endpoint
from mailrail.observe import Bus
from mailrail.sim import simulate
from mailrail.tables import Doors, TableError, TableSettings, open_tables
from mailrail.tables.ldap.links import LdapPlace

HOST = f"ldap://{PLACE.host}"


async def resolve(host: str, port: int) -> Sequence[Endpoint]:
    if host == "gone.example":
        raise DnsError(host, f"{host} has no address", try_again=False)
    return [Endpoint("192.0.2.99" if host == "dead.example" else host, port)]


def looked_up(key: str, *answers: bytes, **more: object) -> tuple[object, list[bytes]]:
    """Ask one question of a server in memory; return the answer or what was wrong, and what the server was asked."""
    server = LdapServer(list(answers))
    values: dict[str, object] = {"kind": "ldap", "servers": (HOST,), "in_clear": True, "base": "dc=example"}
    settings: TableSettings = TypeAdapter[TableSettings](TableSettings).validate_python(
        {**values, "attributes": ("mail", "cn"), **more}
    )

    async def body() -> object:
        network = MemoryNetwork()
        network.black_hole(Endpoint("192.0.2.99", 389))
        server.listen(network)
        tables = open_tables({"people": settings}, Doors(Bus(), network, resolve))
        try:
            return await tables["people"].look_up(key)
        except TableError as error:
            return str(error)
        finally:
            await tables.close()

    return simulate(body()), server.asked


def test_values_are_those_of_all_entries_each_once() -> None:
    found = (
        entry(1, "uid=a", cn=["Ann"], mail=["a@x", "b@x"]) + entry(1, "uid=b", mail=["b@x", "c@x"]) + done(1)
    )
    assert looked_up("ann@example.org", found)[0] == ("a@x", "b@x", "Ann", "c@x")


def test_a_key_has_parts_and_one_without_domain_is_not_asked_for_where_that_is_needed() -> None:
    parts = {"filter": "(&(uid={local_part})(o={domain}))"}
    answer, asked = looked_up('"a@b"@example.org', done(1), **parts)
    assert answer is None
    assert b'uid\x04\x05"a@b"' in asked[0]
    assert b"o\x04\x0bexample.org" in asked[0]
    assert looked_up("ann", done(1), **parts) == (None, [])


def test_the_next_server_is_asked_when_the_first_has_no_address_or_does_not_answer() -> None:
    servers = ("ldap://gone.example", "ldap://dead.example", HOST)
    answer, _ = looked_up("ann", done(1), servers=servers)
    assert answer is None


def test_all_of_them_are_told_when_none_will_have_us(tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("secret") / "password"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    us = {"bind_dn": "cn=us", "password_file": secret}
    answer, asked = looked_up("ann", bound(1, 49), servers=("ldap://gone.example", HOST), **us)
    assert answer == (
        "table people: ldap://gone.example:389: gone.example has no address; "
        "ldap://192.0.2.7:389: the password of cn=us is wrong"
    )
    assert len(asked) == 2  # the bind, and goodbye


def test_ldap_means_starttls_unless_the_settings_say_otherwise_a55() -> None:
    answer, asked = looked_up("ann", extended(1, 2), in_clear=False)
    assert "StartTLS is refused: protocolError" in str(answer)
    assert b"1.3.6.1.4.1.1466.20037" in asked[0]


def test_a_server_that_says_nothing_is_given_up_a74() -> None:
    answer, _ = looked_up("ann", servers=(HOST,), timeout_s=3)
    assert "no answer in 3 s" in str(answer)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("ldaps://ldap.example.org", LdapPlace("ldaps", "ldap.example.org", 636)),
        ("ldap://LDAP.example.org:1389/", LdapPlace("ldap", "ldap.example.org", 1389)),
        ("ldap://[2001:db8::1]", LdapPlace("ldap", "2001:db8::1", 389)),
        ("ldapi://%2Frun%2Fslapd%2Fldapi", LdapPlace("ldapi", "/run/slapd/ldapi", 0)),
    ],
)
def test_a_server_is_named_by_a_url(url: str, place: LdapPlace) -> None:
    assert LdapPlace.parse(url) == place


def test_the_loop_of_a_question_that_is_given_up_has_no_task_left() -> None:
    async def body() -> None:
        before = len(asyncio.all_tasks())
        network = MemoryNetwork()
        LdapServer([]).listen(network)
        settings: TableSettings = TypeAdapter[TableSettings](TableSettings).validate_python(
            {"kind": "ldap", "servers": (HOST,), "in_clear": True, "base": "dc=example", "timeout_s": 1}
        )
        tables = open_tables({"people": settings}, Doors(Bus(), network, resolve))
        with pytest.raises(TableError):
            await tables["people"].look_up("ann")
        assert len(asyncio.all_tasks()) == before
        await tables.close()

    simulate(body())
