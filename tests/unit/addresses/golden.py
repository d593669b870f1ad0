"""Reads the golden files of tests/corpus/addresses, and plays a directory for an expansion."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailrail.addresses.api import Resolved
from mailrail.addresses.expansion import Bounds, Expander, Walk
from mailrail.addresses.questions import AskHop, AskUser, LookUp, ReadList, Values
from mailrail.addresses.settings import DomainAddresses, local_domains
from mailrail.model import Notify, Recipient, parse_address

CORPUS = Path(__file__).parents[2] / "corpus" / "addresses"


@dataclass
class Site:
    """What a golden file says beside its cases, and which questions were asked."""

    file: dict[str, Any]
    expander: Expander
    asked: list[object] = field(default_factory=list)

    def answer(self, question: object) -> Values:
        self.asked.append(question)
        match question:
            case LookUp(table, key):
                return as_values(
                    {k.lower(): v for k, v in self.file["table"][table].items()}.get(key.lower())
                )
            case ReadList(path):
                return as_values(self.file["files"].get(path))
            case AskUser(name):
                return () if name in self.file["users"]["names"] else None
            case AskHop(address):
                return () if str(address) in self.file["next_hop"]["takes"] else None
        raise AssertionError(question)

    def resolve(self, recipient: Recipient, *, has_sender: bool = True) -> Resolved:
        return drive(self.expander.expand(recipient, has_sender=has_sender), self)


def drive(walk: Walk, site: Site) -> Resolved:
    try:
        question = next(walk)
        while True:
            question = walk.send(site.answer(question))
    except StopIteration as done:
        resolved: Resolved = done.value
        return resolved


def as_values(value: Any) -> Values:
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)


def read_site(file: dict[str, Any]) -> Site:
    tables = file["domain"]
    here = {name for name, table in tables.items() if table.pop("deliver", False)}
    sent_on = {name for name, table in tables.items() if table.pop("relay_to", False)}
    domains = local_domains(
        {name: DomainAddresses.model_validate(table) for name, table in tables.items()},
        delivered_here=here,
        sent_on=sent_on,
        has_users="users" in file,
    )
    postmaster = file.get("postmaster", {}).get("address")
    bounds = Bounds(**{"depth": 10, "recipients": 100, **file.get("bounds", {})})
    reader = None if postmaster is None else parse_address(postmaster)
    return Site(file, Expander(domains, frozenset(tables), bounds, reader))


def load(name: str) -> tuple[Site, list[dict[str, Any]]]:
    file = tomllib.loads((CORPUS / f"{name}.toml").read_text())
    cases = file.pop("case")
    return read_site(file), cases


def recipient_of(case: dict[str, Any]) -> Recipient:
    notify = Notify.DEFAULT
    for word in filter(None, case.get("notify", "").split("|")):
        notify |= Notify[word]
    return Recipient(parse_address(case["to"]), notify, case.get("orcpt", ""))


def text_of(recipient: Recipient) -> str:
    """Write *recipient* as the golden files do: what is by default is left out."""
    parts = [str(recipient.forward_path)]
    if recipient.target:
        parts.append(f"-> {recipient.target}")
    if recipient.notify is not Notify.DEFAULT:
        parts.append("notify=" + "|".join(one.name or "" for one in Notify if recipient.notify & one))
    if recipient.orcpt:
        parts.append(f"orcpt={recipient.orcpt}")
    if recipient.returns_to is not None:
        parts.append(f"returns_to={recipient.returns_to}")
    if recipient.is_forwarded:
        parts.append("forwarded")
    return " ".join(parts)
