"""Floor 3 · addresses — what an alias names: one target, read from its text. Pure.

`ann`, `bob@elsewhere.example`, `\\ann` (the mailbox itself, whatever else the name stands for), `@example.net` (the same name there),
`|program argument`, `/file`, `/Maildir/`, `:agent:NAME`, `:include:/list`. A local part is data: whatever it holds, no shell, path or pattern is ever made
of it (A25).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mailrail.model import Address, AddressError, MailrailError, parse_address, parse_domain, parse_local_part

INCLUDE: Final = ":include:"
AGENT: Final = ":agent:"
_AGENT_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What `Recipient.target` says by itself; no alias may.
_OUR_OWN: Final = frozenset({"expanded", "list", "unknown"})
NOWHERE: Final = "/dev/null"
DISCARD: Final = "discard"  # the agent that keeps nothing


class Power(Enum):
    """What an alias may do beside naming addresses, where the settings allow it."""

    FILES = "files"
    PROGRAMS = "programs"
    INCLUDES = "includes"
    AGENTS = "agents"


class BrokenTargetError(MailrailError):
    """A target that cannot be read, or that is not allowed; the message says why."""


@dataclass(frozen=True, slots=True)
class ToAddress:
    """An address.

    Attributes:
        is_final: the mailbox itself is meant: no alias of that name is asked.
    """

    address: Address
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class ToAgent:
    """A program, a file or an agent by name (`Recipient.target`)."""

    target: str


@dataclass(frozen=True, slots=True)
class ToIncluded:
    """The targets that stand in a file, one or more a line."""

    path: str


Target = ToAddress | ToAgent | ToIncluded


def parse_target(text: str, of: Address, allow: Collection[Power]) -> Target:
    """Read one target of the alias *of*, whose domain stands for a missing one.

    Raises:
        BrokenTargetError: it is none, or *allow* does not allow it.
    """
    if text == NOWHERE:
        return ToAgent(DISCARD)
    if text.startswith("|"):
        _check(text, Power.PROGRAMS, allow)
        return ToAgent(text)
    if text.startswith("/"):
        _check(text, Power.FILES, allow)
        return ToAgent(text)
    if text.startswith(AGENT):
        _check(text, Power.AGENTS, allow)
        return ToAgent(_agent(text.removeprefix(AGENT)))
    if text.startswith(INCLUDE):
        _check(text, Power.INCLUDES, allow)
        return ToIncluded(text.removeprefix(INCLUDE))
    try:
        return _address(text, of)
    except AddressError as error:
        raise BrokenTargetError(str(error)) from None


def _check(text: str, power: Power, allow: Collection[Power]) -> None:
    if power not in allow:
        raise BrokenTargetError(
            f'aliases may not name {power.value} here: to let them, set allow = ["{power.value}"]'
        )
    if not text.isprintable():
        raise BrokenTargetError(f"{text!r} holds a control character")


def _agent(name: str) -> str:
    if name in _OUR_OWN or not _AGENT_NAME.fullmatch(name):
        raise BrokenTargetError(f"{name!r} is not the name of an agent")
    return name


def _address(text: str, of: Address) -> Target:
    is_final = text.startswith("\\")
    text = text.removeprefix("\\").removeprefix("<").removesuffix(">")
    if text.startswith('"') and text.endswith('"') and "@" in text:
        # LENIENT: seen in files of aliases; to Postfix and sendmail quotes round a whole address are nothing.
        text = text[1:-1]
    if text.startswith("@"):
        return ToAddress(Address(of.local_part, parse_domain(text[1:])), is_final)
    if "@" in text:
        return ToAddress(parse_address(text), is_final)
    return ToAddress(Address(parse_local_part(text), of.domain), is_final)
