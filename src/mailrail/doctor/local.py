"""Floor 5 · doctor — local delivery: may mailboxes be written, are programs there, for each agent that mail goes to.

It is looked at as the server will be: the owner of the spool, who may not be whoever asks. Nothing is made and nothing is run.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from mailrail.agents import (
    Account,
    AgentSettings,
    Identity,
    Kind,
    Mailbox,
    NoAccountError,
    NotAllowedError,
    all_agents,
    find_mailbox,
)
from mailrail.doctor.api import Finding, Site, error, good, note
from mailrail.model import Address, Recipient

# Of one triple of mode bits: write and search, or execute.
_WRITE: Final = 0o3
_RUN: Final = 0o1


async def agents(site: Site) -> Sequence[Finding]:
    """Can each agent that mail goes to do its work?"""
    identity = Identity(_server_uid(site))
    found = [finding for name, domain in _used(site) for finding in _agent(site, identity, name, domain)]
    return found or [note("not checked: no mail is delivered on this machine")]


def _used(site: Site) -> Iterator[tuple[str, str]]:
    """Yield each agent that a domain or route names, with a domain that it is for."""
    settings = site.settings
    names = {table.deliver: name for name, table in settings.domain.items() if table.deliver}
    routes = {
        route.deliver: route.match.replace("*", "example.org", 1) for route in settings.route if route.deliver
    }
    own = {name: next(iter(settings.domain), "example.org") for name in settings.agent}
    yield from {**own, **routes, **names}.items()


def _server_uid(site: Site) -> int:
    try:
        return site.disk.status(site.settings.spool.path).st_uid
    except OSError:
        return os.geteuid()


def _agent(site: Site, identity: Identity, name: str, domain: str) -> Iterator[Finding]:
    agent = all_agents(site.settings.agent).get(name)
    if agent is None:
        return  # the settings are wrong, which is told where they are checked
    if agent.kind in (Kind.MAILDIR, Kind.MBOX):
        yield _mailboxes(site, identity, name, agent, domain)
    elif agent.kind is Kind.PIPE and agent.command:
        yield _program(identity, name, agent)
    else:
        yield good(f"agent {name} needs nothing of this machine")


def _mailboxes(site: Site, identity: Identity, name: str, agent: AgentSettings, domain: str) -> Finding:
    probe = Recipient(Address("postmaster", domain))
    box = find_mailbox(agent, identity, site.settings.separators_of(domain), probe)
    if not isinstance(box, Mailbox):
        if "{local_part}" in agent.user and "account" in box.reply.text:
            return note(
                f"agent {name}: not checked, for postmaster has no account of its own", box.reply.text
            )
        return error(
            f"agent {name} cannot deliver",
            box.reply.text,
            f"mend [agent.{name}] user, or start the server as that account",
        )
    place = box.path if agent.kind is Kind.MAILDIR else box.path.parent
    there = next(path for path in (place, *place.parents) if path.exists())
    if not agent.create and there != place:
        return error(
            f"agent {name}: {place} is not there", "mail for it waits", "make it, or set create = true"
        )
    if not _may(there, box.account, _WRITE):
        return error(
            f"agent {name}: {box.account.name} may not write in {there}",
            f"mail for {domain} would wait: {box.path} is where that of postmaster goes",
            f"install -d -o {box.account.name} -m 700 {place if there == place else _first_missing(place, there)}",
        )
    return good(f"agent {name} writes {agent.kind.value}, like {box.path}, as {box.account.name}")


def _first_missing(place: Path, there: Path) -> Path:
    return there / place.relative_to(there).parts[0]


def _program(identity: Identity, name: str, agent: AgentSettings) -> Finding:
    program = Path(agent.command[0])
    try:
        user = agent.user.replace("{local_part}", "postmaster")
        account = identity.act_as(user, agent.group)
    except NoAccountError as trouble:
        return note(f"agent {name}: not checked, for postmaster has no account of its own", str(trouble))
    except NotAllowedError as trouble:
        return error(f"agent {name} cannot run its program", str(trouble), f"mend [agent.{name}] user")
    if not program.is_file():
        return error(
            f"agent {name}: there is no program {program}", "its mail waits", "install it, or mend command"
        )
    if not _may(program, account, _RUN):
        return error(
            f"agent {name}: {account.name} may not run {program}", "its mail waits", f"chmod 755 {program}"
        )
    if not agent.directory.is_dir():
        return error(
            f"agent {name}: {agent.directory} is no directory",
            "the program is to run there",
            "mend directory",
        )
    return good(f"agent {name} runs {program} as {account.name}")


def _may(path: Path, account: Account, bits: int) -> bool:
    """Tell whether *account* may do what *bits* say, by the mode of *path*; access lists are not seen."""
    try:
        status = path.stat()
    except OSError:
        return False
    mode = stat.S_IMODE(status.st_mode)
    if account.uid == 0:
        return path.is_dir() or bool(mode & 0o111)
    if status.st_uid == account.uid:
        return mode >> 6 & bits == bits
    if status.st_gid in (account.gid, *account.groups):
        return mode >> 3 & bits == bits
    return mode & bits == bits
