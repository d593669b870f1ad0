"""Users of a directory: what is asked there, and what is not; against a server in memory."""

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.support.ldap_server import LdapServer, bound, done, entry
from tests.support.memory_net import MemoryNetwork

from mailrail.directory import Directory, DirectoryError, User, UsersSettings, open_directory
from mailrail.model import SystemClock, system_rng
from mailrail.observe import Bus
from mailrail.sim import simulate

BASE = "ou=people,dc=example"
ANN = entry(1, f"uid=ann,{BASE}", mail=["ann@example.org", "no address", "Info@Example.org"])
BY_SEARCH = {"base": BASE, "senders": "mail"}
BY_NAME = {"user_dn": f"uid={{local_part}},dc={{domain}},{BASE}"}


def talk(
    ldap: Mapping[str, object], test: Callable[[Directory], Coroutine[Any, Any, None]], *answers: bytes
) -> list[bytes]:
    server = LdapServer(list(answers))
    users = UsersSettings.model_validate(
        {"ldap": {"servers": ("ldap://192.0.2.7",), "in_clear": True, **ldap}}
    )

    async def body() -> None:
        network = MemoryNetwork()
        server.listen(network)
        directory = open_directory(users, None, Bus(), system_rng(), network, SystemClock())
        assert directory is not None
        await test(directory)
        await directory.close()

    simulate(body())
    return server.asked


def test_a_user_is_searched_and_then_logs_in_there() -> None:
    async def test(directory: Directory) -> None:
        ann = User("ann", may_send_as=("ann@example.org", "info@example.org"))
        assert await directory.by_password("ann", "secret") == ann

    asked = talk(BY_SEARCH, test, ANN + done(1), bound(1))
    assert b"uid=ann,ou=people" in asked[1]
    assert b"secret" in asked[1]


def test_whoever_does_not_exist_is_tried_all_the_same_a34() -> None:
    """A34: the time must not tell who exists."""

    async def test(directory: Directory) -> None:
        assert await directory.by_password("nobody", "secret") is None
        assert await directory.by_password("ann", "wrong") is None
        assert await directory.by_password("nobody", "guessed") is None

    asked = talk(
        BY_SEARCH, test, done(1), bound(1, 49), entry(2, "uid=ann") + done(2), bound(2, 49), done(3), bound(3)
    )
    assert len(asked) == 8  # a search and a bind each, and two goodbyes


def test_an_empty_password_never_reaches_the_directory() -> None:
    """RFC 4513 §5.1.2: the directory would say yes to it, and mean nobody."""

    async def test(directory: Directory) -> None:
        assert await directory.by_password("ann", "") is None

    for ldap in (BY_SEARCH, {"user_dn": f"uid={{name}},{BASE}"}):
        assert talk(ldap, test, bound(1), bound(1)) == []


def test_a_name_is_one_value_of_a_dn_a74() -> None:
    async def test(directory: Directory) -> None:
        assert await directory.by_password("ann+uid=root,ou=admins@exam,ple.org", "secret") is not None
        assert await directory.by_password("without-domain", "secret") is None

    asked = talk(BY_NAME, test, bound(1))
    assert rb"uid=ann\2buid\3droot\2cou\3dadmins,dc=exam\2cple.org,ou=people,dc=example" in asked[0]
    assert len(asked) == 2  # and goodbye


def test_without_a_search_the_entry_itself_says_what_its_owner_may_send_as() -> None:
    async def test(directory: Directory) -> None:
        assert not directory.knows_names
        assert await directory.find("ann@example.org") is None
        ann = User("ann@example.org", may_send_as=("ann@example.org", "info@example.org"))
        assert await directory.by_password("ann@example.org", "secret") == ann

    answers = bound(1), ANN.replace(b"\x02\x01\x01", b"\x02\x01\x02", 1) + done(2)
    talk({**BY_NAME, "senders": "mail"}, test, *answers)


def test_two_entries_of_one_name_are_not_known_now() -> None:
    async def test(directory: Directory) -> None:
        with pytest.raises(DirectoryError, match="more than one entry is ann"):
            await directory.by_password("ann", "secret")

    talk(BY_SEARCH, test, ANN + entry(1, f"uid=Ann,{BASE}") + done(1))


@pytest.mark.parametrize("answers", [(done(1, 51),), (ANN + done(1), bound(1, 52)), (b"garbage",)])
def test_a_directory_that_does_not_know_now_says_neither_yes_nor_no_a74(answers: tuple[bytes, ...]) -> None:
    async def test(directory: Directory) -> None:
        with pytest.raises(DirectoryError, match="the directory at ldap://192"):
            await directory.by_password("ann", "secret")
        with pytest.raises(DirectoryError):
            await directory.probe()

    talk(BY_SEARCH, test, *answers)


@pytest.mark.parametrize(
    ("ldap", "complaint"),
    [
        ({}, "needs one way"),
        ({**BY_SEARCH, **BY_NAME}, "needs one way"),
        ({"user_dn": "uid=ann,dc=example"}, "is the same for everybody"),
        ({"base": BASE, "filter": "uid={name}"}, "has no ( where one must be"),
        ({"base": BASE, "filter": "(uid={key})"}, "known is {name}, {local_part}, {domain}"),
        ({"base": BASE, "bind_dn": "cn=reader"}, "belong together"),
        ({"base": BASE, "servers": ("https://ldap.example.org",)}, "is no server"),
        ({"base": BASE, "servers": ("ldap://ann@ldap.example.org/dc=example",)}, "is no server"),
        ({"base": BASE, "servers": ("ldapi://relative",)}, "is no server"),
    ],
)
def test_settings_that_lead_nowhere_are_told(ldap: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        UsersSettings.model_validate({"ldap": {"servers": ("ldaps://ldap.example.org",), **ldap}})
    assert complaint in str(caught.value)


def test_users_come_from_one_place(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="one place"):
        UsersSettings.model_validate({"ldap": {"servers": ("ldaps://x",), **BY_SEARCH}, "file": tmp_path})
