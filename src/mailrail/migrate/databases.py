"""Floor 5 · migrate — tables that a database answers: the .cf files of pgsql_table(5), sqlite_table(5) and ldap_table(5). Pure.

In their queries `%s` is the key, `%u` and `%d` its local part and domain, each between quotes that Postfix escapes for; mailrail gives
the key apart from the query's text, as `:key`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from mailrail.migrate.logical_lines import words
from mailrail.net import is_here

_LITERAL: Final = re.compile(r"'((?:[^']|'')*)'")
_HOLE: Final = re.compile(r"%([A-Za-z0-9%])")
_SCOPES: Final = {"sub": "subtree", "base": "base", "one": "one"}
# How each database says the two parts of an address.
_PARTS: Final = {
    "pgsql": {"u": "split_part(:key, '@', 1)", "d": "split_part(:key, '@', 2)"},
    "sqlite": {"u": "substr(:key, 1, instr(:key, '@') - 1)", "d": "substr(:key, instr(:key, '@') + 1)"},
}  # fmt: skip
_LDAP_ALONE: Final = (
    "special_result_attribute", "leaf_result_attribute", "terminal_result_attribute", "size_limit", "domain",
)  # fmt: skip
_FIELDS: Final = {"s": "{key}", "u": "{local_part}", "d": "{domain}"}


class NoCounterpartError(ValueError):
    """A table cannot be asked as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A database's table in mailrail's words.

    Attributes:
        settings: of the [table], without its password.
        password: to be put into a file; "" for none.
        notes: what to look at.
    """

    settings: Mapping[str, Any]
    password: str = ""
    notes: tuple[str, ...] = field(default=())


def database_table(kind: str, values: Mapping[str, str]) -> Asked:
    """Return what a table of *kind* becomes.

    Args:
        kind: "pgsql", "sqlite" or "ldap".
        values: of its .cf file.

    Raises:
        NoCounterpartError: mailrail cannot ask it so.
    """
    asked = {"pgsql": _postgres, "sqlite": _sqlite, "ldap": _ldap}[kind](values)
    if values.get("result_format", "%s") != "%s":
        note = f"Postfix writes what is found as {values['result_format']!r}; let the query do that."
        return Asked(asked.settings, asked.password, (*asked.notes, note))
    return asked


# --- SQL --------------------------------------------------------------------------------


def _postgres(values: Mapping[str, str]) -> Asked:
    hosts = words(values.get("hosts", "localhost"))
    user, name = quote(values.get("user", ""), safe=""), quote(values.get("dbname", ""), safe="")
    if hosts[0].startswith("postgresql:"):
        raise NoCounterpartError("Write its URL into a [table] of kind postgres, without the password.")
    login = f"{user}@" if user else ""
    if hosts[0].startswith("unix:"):
        url = f"postgresql://{login}/{name}?host={quote(hosts[0].removeprefix('unix:'), safe='')}"
    else:
        url = f"postgresql://{login}{','.join(host.removeprefix('inet:') for host in hosts)}/{name}"
    settings = {"kind": "postgres", "url": url, "query": _query(values, "pgsql")}
    return Asked(settings, values.get("password", ""))


def _sqlite(values: Mapping[str, str]) -> Asked:
    return Asked({"kind": "sqlite", "file": values.get("dbpath", ""), "query": _query(values, "sqlite")})


def _query(values: Mapping[str, str], kind: str) -> str:
    """Return the query with the key apart from it."""
    query = values.get("query", "")
    if not query:
        raise NoCounterpartError(
            "Its query is written in the old way, in parts: write it as one, in a [table]."
        )
    rewritten = _LITERAL.sub(lambda literal: _literal(literal[1], kind), query)
    left = _LITERAL.sub("", rewritten)
    if _HOLE.search(left):
        raise NoCounterpartError(
            "Its query has the key outside of quotes: write it anew with :key, in a [table]."
        )
    return rewritten


def _literal(text: str, kind: str) -> str:
    """Return a quoted text of a query with what stands for the key put together from its parts."""
    if not _HOLE.search(text):
        return f"'{text}'"
    if text in ("%s", "%u@%d"):
        return ":key"
    parts: list[str] = []
    position = 0
    for hole in _HOLE.finditer(text):
        if hole.start() > position:
            parts.append(f"'{text[position : hole.start()]}'")
        parts.append(_part(hole[1], kind))
        position = hole.end()
    if position < len(text):
        parts.append(f"'{text[position:]}'")
    return parts[0] if len(parts) == 1 else f"({' || '.join(parts)})"


def _part(letter: str, kind: str) -> str:
    if letter == "%":
        return "'%'"
    if letter.lower() == "s":
        return ":key"
    known = _PARTS[kind].get(letter.lower())
    if known is None:
        raise NoCounterpartError(
            f"There is nothing like %{letter}: write the query anew with :key, in a [table]."
        )
    return known


# --- LDAP -------------------------------------------------------------------------------


def _ldap(values: Mapping[str, str]) -> Asked:
    base = values.get("search_base", "")
    if _HOLE.search(base):
        raise NoCounterpartError(
            "It searches below another entry for each key: write a [table] of kind ldap for each base."
        )
    servers = [_server(host, values) for host in words(values.get("server_host", "localhost"))]
    settings: dict[str, Any] = {"kind": "ldap", "servers": servers, "base": base}
    settings["scope"] = _SCOPES.get(values.get("scope", "sub"), "subtree")
    settings["filter"] = _filter(values.get("query_filter", "mailacceptinggeneralid=%s"))
    settings["attributes"] = [
        word.partition(":")[0] for word in words(values.get("result_attribute", "maildrop"))
    ]
    notes = []
    if values.get("start_tls", "no") != "yes" and any(server.startswith("ldap://") for server in servers):
        if all(is_here(server.removeprefix("ldap://").partition(":")[0]) for server in servers):
            settings["in_clear"] = True
        else:
            notes.append(
                "Postfix asks the server in the clear; mailrail says StartTLS first, and wants a certificate that is good for its name."
            )
    if "tls_ca_cert_file" in values:
        settings["ca_file"] = values["tls_ca_cert_file"]
    notes += [f"{name} has no counterpart." for name in _LDAP_ALONE if values.get(name)]
    if values.get("bind", "yes") == "no" or not values.get("bind_dn"):
        return Asked(settings, "", tuple(notes))
    settings["bind_dn"] = values["bind_dn"]
    return Asked(settings, values.get("bind_pw", ""), tuple(notes))


def _server(host: str, values: Mapping[str, str]) -> str:
    if "://" in host:
        return host.rstrip("/")
    port = values.get("server_port", "389")
    return f"ldap://{host}" if port == "389" or ":" in host else f"ldap://{host}:{port}"


def _filter(text: str) -> str:
    def filled(hole: "re.Match[str]") -> str:
        if hole[1].lower() not in _FIELDS:
            raise NoCounterpartError(
                f"There is nothing like %{hole[1]} in a filter: write it anew, in a [table] of kind ldap."
            )
        return _FIELDS[hole[1].lower()]

    whole = _HOLE.sub(filled, text)
    return whole if whole.startswith("(") else f"({whole})"
