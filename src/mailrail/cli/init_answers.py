"""Floor 5 · cli — what `mailrail init` was told, and the settings that this means. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailrail.model import parse_address, parse_domain

EVERY_ADDRESS: Final = ("0.0.0.0:25", "[::]:25")
_SUBMISSION: Final = (
    (587, False),
    (465, True),
)  # STARTTLS (RFC 6409), TLS from the first byte (RFC 8314 §3.3)
_IMPLICIT_TLS_PORT: Final = 465


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Everything that is asked.

    Attributes:
        listen: where mail from other servers is taken; first of all port 25.
        domains: `example.org`, or `example.org=NEXT_HOP`, where `lmtp:` before the next hop means LMTP, and
            `maildir` instead of one that mail is kept on this machine.
        relay: networks that may send anywhere.
        users: file of those who may log in at 587 and 465; None: no such listeners.
        certificate: chain and key; None without files of one's own.
        acme_contact: whom the authority may write to; None: no ACME.
        smarthost: next hop of all other mail; "": straight to the MX hosts.
        smarthost_user: login there, "" for none; its password stands in smarthost_password.
        spool: where mail is kept; None: the default.
        is_for_everyone: every user of this machine may hand in mail by sendmail.
        postmaster: who reads mail for root and postmaster of this host, and notices that nobody else can have; "": nobody.
    """

    hostname: str
    listen: tuple[str, ...] = EVERY_ADDRESS
    domains: tuple[str, ...] = ()
    relay: tuple[str, ...] = ()
    users: Path | None = None
    certificate: tuple[Path, Path] | None = None
    acme_contact: str | None = None
    smarthost: str = ""
    smarthost_user: str = ""
    smarthost_password: Path | None = None
    spool: Path | None = None
    is_for_everyone: bool = False
    postmaster: str = ""


def chosen(answers: Answers) -> dict[str, Any]:
    """Return the settings that *answers* mean, nested as in the file.

    Raises:
        ValueError: a domain is none, or the postmaster's mail would come back to this host's postmaster.
    """
    tree: dict[str, Any] = {"hostname": answers.hostname}
    if answers.spool is not None:
        tree["spool"] = {"path": str(answers.spool)}
    tree["listener"] = list(_listeners(answers))
    # Said also where it is nobody: it is the first thing that one looks for in such a file.
    tree["relay"] = {"networks": list(answers.relay)}
    if answers.is_for_everyone:
        tree["maildrop"] = {"access": "everyone"}
    if answers.users is not None:
        tree["users"] = {"file": str(answers.users)}
    domains = dict(map(domain_table, answers.domains))
    if answers.postmaster:
        tree["report"] = {"postmaster": answers.postmaster}
        # Where the host's name is a domain with a way of its own, that way is the answer.
        domains.setdefault(parse_domain(answers.hostname), host_table(answers.postmaster, answers.hostname))
    if domains:
        tree["domain"] = domains
    if answers.smarthost:
        # A backup's mail goes to the other MX hosts, not out by the smarthost.
        backups = [name for name, table in tree.get("domain", {}).items() if not table]
        tree["route"] = [*({"match": name} for name in backups), _smarthost(answers)]
    if answers.certificate is not None:
        chain, key = map(str, answers.certificate)
        tree["tls"] = {"certificate": [{"chain": chain, "key": key}]}
    if answers.acme_contact is not None:
        contact = {"contact": [answers.acme_contact]} if answers.acme_contact else {}
        tree["acme"] = {"domains": [answers.hostname], "agree_to_terms": True, **contact}
    return tree


def _listeners(answers: Answers) -> Iterator[dict[str, Any]]:
    for address in answers.listen:
        yield {"address": address, "role": "mx"}
    if answers.users is not None:
        hosts = dict.fromkeys(address.rpartition(":")[0] for address in answers.listen)
        for port, is_implicit in _SUBMISSION:
            for host in hosts:
                tls = {"implicit_tls": True} if is_implicit else {}
                yield {"address": f"{host}:{port}", "role": "submission", **tls}


def domain_table(text: str) -> tuple[str, dict[str, Any]]:
    """Read `example.org=lmtp:10.0.0.5:24` as the domain's name and its table.

    Raises:
        ValueError: the part before "=" is no domain.
    """
    name, _, next_hop = text.partition("=")
    # Compared as settings compare them, so that the same domain given twice is one table.
    domain = parse_domain(name.strip())
    hop = next_hop.strip()
    if not hop:
        return domain, {}
    if hop == "maildir":
        return domain, {"deliver": "maildir"}
    if hop.startswith("lmtp:"):
        return domain, {"relay_to": hop.removeprefix("lmtp:"), "lmtp": True}
    return domain, {"relay_to": hop}


def host_table(reader: str, hostname: str) -> dict[str, Any]:
    """Return the table of the host's own name as a domain: what cron sends to root goes to *reader*.

    Raises:
        ValueError: *reader* is no address, or one of this host.
    """
    if parse_address(reader).domain == parse_domain(hostname):
        raise ValueError(
            f"{reader} is of this host itself: name a mailbox somewhere else, like ann@example.org"
        )
    return {"alias": {"root": reader, "postmaster": reader}}


def _smarthost(answers: Answers) -> dict[str, Any]:
    host = answers.smarthost
    has_port = host.rpartition(":")[2].isdecimal() and (host.count(":") == 1 or "]:" in host)
    port = int(host.rpartition(":")[2]) if has_port else 587 if answers.smarthost_user else 25
    route: dict[str, Any] = {"match": "*", "next_hop": host if has_port else f"{host}:{port}"}
    if port == _IMPLICIT_TLS_PORT:
        route["implicit_tls"] = True
    if answers.smarthost_user:
        route["tls"] = "verify"
        route["login"] = {
            "user": answers.smarthost_user,
            "password_file": str(answers.smarthost_password or ""),
        }
    return route
