"""Tables that a database answers, with the key apart from the query."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter
from tests.unit.migrate.house import imported, settings, words

from mailrail.migrate.databases import NoCounterpartError, database_table
from mailrail.tables import TableSettings

PGSQL = {"hosts": "db.example", "user": "mail", "dbname": "site"}


@pytest.mark.parametrize(
    ("kind", "query", "rewritten"),
    [
        ("pgsql", "SELECT goto FROM alias WHERE address='%s' AND active", "SELECT goto FROM alias WHERE address=:key AND active"),
        ("pgsql", "SELECT f('%u', '%d')", "SELECT f(split_part(:key, '@', 1), split_part(:key, '@', 2))"),
        ("pgsql", "SELECT 1 WHERE a = '%u@%d' OR b = 'it''s'", "SELECT 1 WHERE a = :key OR b = 'it''s'"),
        ("pgsql", "SELECT 1 WHERE a = '@%d'", "SELECT 1 WHERE a = ('@' || split_part(:key, '@', 2))"),
        ("pgsql", "SELECT 1 WHERE a LIKE '%s%%'", "SELECT 1 WHERE a LIKE (:key || '%')"),
        ("sqlite", "SELECT 1 WHERE d = '%D'", "SELECT 1 WHERE d = substr(:key, instr(:key, '@') + 1)"),
    ],
)  # fmt: skip
def test_a_query_is_rewritten_so_that_the_key_is_never_part_of_its_text(
    kind: str, query: str, rewritten: str
) -> None:
    asked = database_table(kind, {**PGSQL, "dbpath": "/db", "query": query})
    assert asked.settings["query"] == rewritten
    TypeAdapter[TableSettings](TableSettings).validate_python(asked.settings)


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("localhost", "postgresql://mail@localhost/site"),
        ("inet:a.example:5433, b.example", "postgresql://mail@a.example:5433,b.example/site"),
        ("unix:/run/postgresql", "postgresql://mail@/site?host=%2Frun%2Fpostgresql"),
    ],
)
def test_a_database_is_named_by_url(hosts: str, url: str) -> None:
    asked = database_table("pgsql", {**PGSQL, "hosts": hosts, "query": "SELECT '%s'", "password": "geheim"})
    assert (asked.settings["url"], asked.password) == (url, "geheim")


def test_a_directory_is_searched_alike() -> None:
    values = {
        "server_host": "ldap.example ldaps://b.example",
        "search_base": "dc=example",
        "query_filter": "(&(mail=%s)(uid=%u)(dc=%d))",
        "result_attribute": "mailbox:x, alias",
        "bind_dn": "cn=p",
        "bind_pw": "geheim",
        "scope": "one",
        "leaf_result_attribute": "x",
    }
    asked = database_table("ldap", values)
    assert asked.settings == {
        "kind": "ldap",
        "servers": ["ldap://ldap.example", "ldaps://b.example"],
        "base": "dc=example",
        "scope": "one",
        "filter": "(&(mail={key})(uid={local_part})(dc={domain}))",
        "attributes": ["mailbox", "alias"],
        "bind_dn": "cn=p",
    }
    assert asked.password == "geheim"
    assert [note.split()[0] for note in asked.notes] == ["Postfix", "leaf_result_attribute"]


def test_a_directory_on_this_machine_may_be_asked_in_the_clear() -> None:
    asked = database_table("ldap", {"server_port": "3890", "query_filter": "mail=%s"})
    assert (asked.settings["servers"], asked.settings["in_clear"]) == (["ldap://localhost:3890"], True)
    assert asked.settings["filter"] == "(mail={key})"
    TypeAdapter[TableSettings](TableSettings).validate_python(asked.settings)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("pgsql", {**PGSQL, "table": "t", "select_field": "a", "where_field": "b"}),
        ("pgsql", {**PGSQL, "query": "SELECT %s"}),
        ("pgsql", {**PGSQL, "query": "SELECT '%1'"}),
        ("pgsql", {**PGSQL, "hosts": "postgresql://a:b@c/d", "query": "SELECT '%s'"}),
        ("ldap", {"search_base": "dc=%d"}),
        ("ldap", {"query_filter": "mail=%3"}),
    ],
)
def test_what_cannot_be_asked_so_is_told(kind: str, values: dict[str, str]) -> None:
    with pytest.raises(NoCounterpartError, match=r"\[table\]"):
        database_table(kind, values)


def test_its_password_goes_into_a_file_and_what_it_lists_not_into_domains(tmp_path: Path) -> None:
    configuration = "hosts = localhost\nuser = mail\npassword = geheim\ndbname = m\nquery = SELECT x FROM b WHERE a = '%s'\nresult_format = %s/\n"
    main = "virtual_mailbox_domains = a.example\nvirtual_mailbox_maps = proxy:pgsql:/etc/postfix/boxes\n"
    result = imported(main, directory=tmp_path, boxes=configuration)
    table = settings(result)["table"]["boxes"]
    assert table["password_file"] == "/etc/mailrail/boxes.password"
    assert result.files["boxes.password"].is_secret
    assert "geheim" not in result.toml + result.report.as_text()
    assert "let the query do that" in words(result, "virtual_mailbox_maps")
    assert settings(result)["domain"]["a.example"]["mailboxes"] == ["boxes"]
