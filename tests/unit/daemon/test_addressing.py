"""The room that knows addresses, joined to those that it must ask: users, and who reads mail for a postmaster that a domain does not have."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.addresses.golden import text_of

from mailrail.addresses import Expansion, Resolved
from mailrail.config import MailrailSettings
from mailrail.daemon.addressing import Logins, open_addresses
from mailrail.directory import Directory, DirectoryError, Residents, User, open_directory, write_user
from mailrail.model import Address, Recipient, SystemClock, parse_address, system_rng
from mailrail.net import SocketNetwork
from mailrail.observe import Bus
from mailrail.tables import Doors, open_tables


class Unasked:
    async def takes(self, address: Address) -> bool:
        raise AssertionError(f"nobody is to be asked about {address}")


def resolve(tmp_path: Path, text: str, **tables: Any) -> Resolved:
    settings = MailrailSettings.model_validate({"hostname": "mx.example.org", **tables})

    async def main() -> Resolved:
        network = SocketNetwork(settings.net)
        directory = open_directory(settings.users, tmp_path, Bus(), system_rng(), network, SystemClock())
        addresses, _ = open_addresses(
            settings, open_tables(settings.table, Doors(Bus(), network)), directory, Unasked(), Bus()
        )
        answer = addresses.resolve(Recipient(parse_address(text)))
        resolved = await answer if isinstance(answer, Awaitable) else answer
        if directory is not None:
            await directory.close()
        return resolved

    return asyncio.run(main())


def said(resolved: Resolved) -> list[str] | str:
    if isinstance(resolved, Expansion):
        return [text_of(one) for one in resolved.recipients]
    return str(resolved.reply)[:9]


@pytest.fixture
def users(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "users.toml"
    entries = ("ann@here.example", "bob", "eve@there.example")
    file.write_text("".join(write_user("", User(name, "{PLAIN}correct horse battery")) for name in entries))
    file.chmod(0o600)
    return {"file": str(file)}


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("Ann+news@here.example", ["ann+news@here.example"]),
        ("bob@here.example", ["bob@here.example"]),
        ("eve@here.example", "550 5.1.1"),
        ("\u00adx@here.example", "550 5.1.1"),
        ("eve@sent-on.example", ["eve@sent-on.example"]),
    ],
)
def test_where_an_agent_delivers_who_has_a_login_has_a_mailbox(
    tmp_path: Path, users: dict[str, Any], text: str, becomes: list[str] | str
) -> None:
    domains = {"here.example": {"deliver": "maildir"}, "sent-on.example": {"relay_to": "192.0.2.1:25"}}
    assert said(resolve(tmp_path, text, domain=domains, users=users)) == becomes


def test_a74_users_who_cannot_be_known_now_are_later() -> None:
    class Down(Directory):
        async def find(self, name: str) -> User | None:
            raise DirectoryError("the database is down")

    from mailrail.addresses import NotKnownNowError

    directory = Down(None, secret=b"", cache_s=0, rng=system_rng())
    with pytest.raises(NotKnownNowError, match="the database is down"):
        asyncio.run(Logins(Residents(directory, 10)).has("ann"))


def test_users_are_asked_for_once_for_many_recipients_and_anew_after_a_reload() -> None:
    class Users(Directory):
        knows_names = True
        asked: list[str]

        async def find(self, name: str) -> User | None:
            self.asked.append(name)
            return User(name)

    async def main() -> None:
        settings = MailrailSettings.model_validate(
            {"hostname": "mx.example.org", "domain": {"here.example": {"deliver": "maildir"}}}
        )
        directory = Users(None, secret=b"", cache_s=0, rng=system_rng())
        directory.asked = []
        tables = open_tables(settings.table, Doors(Bus(), SocketNetwork(settings.net)))
        ann = Recipient(parse_address("Ann@here.example"))
        for books in (1, 2):  # a reload makes a second one of all that decides
            addresses, _ = open_addresses(settings, tables, directory, Unasked(), Bus())
            for _ in range(3):
                answer = addresses.resolve(ann)
                resolved = await answer if isinstance(answer, Awaitable) else answer
                assert isinstance(resolved, Expansion)
            assert directory.asked == ["ann@here.example"] * books

    asyncio.run(main())


ONLY_ALIASES = {"names.example": {"alias": {"info": "x@example.net"}}}


@pytest.mark.parametrize(
    ("tables", "becomes"),
    [
        ({"domain": ONLY_ALIASES}, ["postmaster@names.example"]),
        (
            {"domain": {**ONLY_ALIASES, "real.example": {"relay_to": "192.0.2.1:25"}}},
            ["postmaster@real.example orcpt=rfc822;postmaster@names.example"],
        ),
        (
            {"domain": ONLY_ALIASES, "report": {"postmaster": "Root@example.net"}},
            ["root@example.net orcpt=rfc822;postmaster@names.example forwarded"],
        ),
    ],
)
def test_a32_somebody_reads_mail_for_a_postmaster_whom_a_domain_does_not_have(
    tmp_path: Path, tables: dict[str, Any], becomes: list[str]
) -> None:
    assert said(resolve(tmp_path, "postmaster@names.example", **tables)) == becomes
