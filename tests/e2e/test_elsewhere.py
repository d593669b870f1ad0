"""Users and aliases that live elsewhere: a real mailrail asks a real PostgreSQL and a real OpenLDAP, which die and come back."""

import json
import smtplib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_logins import House
from tests.support.daemon import Daemon, running
from tests.support.peers.postgres import Postgres, postgres
from tests.support.peers.slapd import BASE, READER, Slapd, slapd

from mailrail.directory import make_hash
from mailrail.model import system_rng

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
ANN, SECRET = "ann@test.example", "correct horse battery"
SALES = "sales@test.example"
PEOPLE = f"""\
dn: uid=ann,ou=people,{BASE}
objectClass: inetOrgPerson
uid: ann
cn: Ann
sn: Example
mail: {ANN}
mail: {SALES}
userPassword: {SECRET}
"""


@dataclass
class Source:
    """Where users come from.

    Attributes:
        users: the settings.
        answers: what `mailrail doctor` and `explain` call it.
    """

    server: Postgres | Slapd
    users: dict[str, object]
    answers: str


@contextmanager
def from_postgres() -> Iterator[Source]:
    with postgres() as server:
        stored = make_hash(SECRET, system_rng())
        server.sql(
            f"""
            CREATE TABLE people (login text, hash text, senders text);
            INSERT INTO people VALUES ('{ANN}', '{stored}', '{SALES}');
            GRANT SELECT ON people TO mail;
            """
        )
        query = "SELECT hash AS password, senders AS may_send_as FROM people WHERE login = :name"
        sql = {"url": server.url, "password_file": server.password_file, "query": query, "timeout_s": "5s"}
        yield Source(server, {"sql": sql}, "PostgreSQL at 127.0.0.1")


@contextmanager
def from_ldap(**way: object) -> Iterator[Source]:
    with slapd(PEOPLE) as server:
        ldap = {
            "servers": [server.url],
            "ca_file": server.ca_file,
            "senders": "mail",
            "timeout_s": "5s",
            **way,
        }
        if "user_dn" not in way:
            ldap |= {
                "bind_dn": READER,
                "password_file": server.password_file,
                "base": BASE,
                "filter": "(mail={name})",
            }
        yield Source(server, {"ldap": ldap}, "the directory at ldap://127.0.0.1")


SOURCES: dict[str, Callable[[], AbstractContextManager[Source]]] = {
    "PostgreSQL": from_postgres,
    "LDAP by search": from_ldap,
    "LDAP by name": lambda: from_ldap(user_dn=f"uid={{local_part}},ou=people,{BASE}"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_users_log_in_send_as_their_record_says_and_wait_while_nobody_knows_a74(
    name: str, tmp_path: Path
) -> None:
    """A74: a database or directory that is down is 454, and never "wrong password"."""
    house = House(tmp_path)
    with SOURCES[name]() as source:
        settings = house.settings(users={**source.users, "cache_s": 0})
        with running(tmp_path, **settings) as daemon:
            assert _logged_in(house, SECRET) == [235, 250, 553]
            assert _logged_in(house, "wrong password") == [535]
            _explained(daemon, source, name)
            source.server.stop()
            assert _logged_in(house, SECRET) == [454]
            doctor = daemon.command("doctor", "--only", "users").stdout
            assert f"{source.answers}" in doctor
            assert "does not answer" in doctor
            source.server.start()
            assert _logged_in(house, SECRET) == [235, 250, 553]


def _logged_in(house: House, password: str) -> list[int]:
    """Return what is said to a login, and then to mail from another address of Ann's and from somebody else's."""
    response = b64encode(f"\0{ANN}\0{password}".encode()).decode()
    with house.smtplib() as client:
        client.ehlo()
        codes = [client.docmd(f"AUTH PLAIN {response}")[0]]
        if codes == [235]:
            for sender in (SALES, "eve@test.example"):
                codes.append(client.docmd(f"MAIL FROM:<{sender}>")[0])
                client.rset()
        return codes


def _explained(daemon: Daemon, source: Source, name: str) -> None:
    doctor = daemon.command("doctor", "--only", "users")
    assert f"{source.answers}" in doctor.stdout
    assert " answers; its users may log in" in doctor.stdout
    told = json.loads(daemon.command("explain", "bob@elsewhere.example", "--user", ANN, "--json").stdout)
    if name == "LDAP by name":
        assert "cannot be asked who there is" in told["submission"][0]
        return
    assert any(SALES in line for line in told["submission"])
    if name == "PostgreSQL":
        nobody = daemon.command("explain", "bob@elsewhere.example", "--user", "eve@test.example").stdout
        assert f"no user eve@test.example who may log in is in {source.answers}" in nobody


def test_a_table_that_is_down_is_451_at_rcpt_and_an_unknown_name_550_a74(tmp_path: Path) -> None:
    """A74: never 5yz because a database is away."""
    with postgres() as server:
        server.sql(
            """
            CREATE TABLE aliases (address text, target text);
            INSERT INTO aliases VALUES ('info', 'ann@elsewhere.example'), ('later', 'ann@elsewhere.example');
            GRANT SELECT ON aliases TO mail;
            """
        )
        table = {
            "kind": "postgres",
            "url": server.url,
            "password_file": server.password_file,
            "query": "SELECT target FROM aliases WHERE address = :key",
            "timeout_s": "5s",
        }
        settings: dict[str, Any] = {
            "table": {"site": table},
            "domain": {"local.example": {"deliver": "discard", "aliases": ["site"], "mailboxes": ["site"]}},
        }
        with running(tmp_path, **settings) as daemon, smtplib.SMTP(daemon.host, daemon.port) as client:
            client.ehlo()

            def reply(name: str) -> int:
                client.docmd("RSET")
                client.docmd("MAIL FROM:<bob@elsewhere.example>")
                return client.docmd(f"RCPT TO:<{name}@local.example>")[0]

            assert [reply("info"), reply("nobody")] == [250, 550]
            server.stop()
            assert [reply("info"), reply("later"), reply("other")] == [
                250,
                451,
                451,
            ]  # what was found is remembered
            assert daemon.wait_for("TableFailed", table="site")
            looked_up = daemon.command("table", "look-up", "site", "info")
            assert (looked_up.returncode, "table site: PostgreSQL" in looked_up.stderr) == (75, True)
            server.start()
            assert [reply("later"), reply("other")] == [250, 550]
            assert daemon.wait_for("TableRestored", table="site")
            assert daemon.command("table", "look-up", "site", "info").stdout == "ann@elsewhere.example\n"
