"""Floor 5 · config — what only shows when the rooms' settings are seen together.

Everything is checked before a socket opens: a daemon that starts is a daemon that can work.
"""

import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from mailrail.agents import BUILT_IN, RESERVED, all_agents, check_agent
from mailrail.config.files import Source
from mailrail.config.lines import KeyPath
from mailrail.config.problems import Problem, spell
from mailrail.config.schema import is_secret_name
from mailrail.config.settings import MailrailSettings
from mailrail.config.workers import bounds
from mailrail.directory import able_mechanisms, check_users
from mailrail.model import SettingsError, parse_domain
from mailrail.net import CertificateFiles, SocketNetwork, TlsSettings, client_context, server_context
from mailrail.routing import HopSettings
from mailrail.sasl import BY_TOKEN
from mailrail.tables import check_table


def check(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """Find the problems between settings that are each valid."""
    yield from _workers(settings, source)
    yield from _listeners(settings, source)
    yield from _domains(source)
    yield from _tables(settings, source)
    yield from _signatures(settings, source)
    yield from _addresses(settings, source)
    yield from _agents(settings, source)
    yield from _certificates(settings, source)
    yield from _acme(settings, source)
    yield from _peers(settings, source)
    yield from _logins(settings, source)
    yield from _secret_files(settings, source)
    yield from _open_secrets(source)


def _problem(source: Source, path: KeyPath, text: str, mend: str = "") -> Problem:
    return Problem(source.where(path), spell(path), text, mend)


def _workers(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """A limit that is split must be enough for every worker to get something, or it would not hold."""
    for bound in bounds(settings):
        if settings.workers > bound.most:
            text = f"{settings.workers} workers share {spell(bound.key)}, which is enough for {bound.most}"
            mend = "set fewer workers, or a higher limit"
            yield _problem(source, ("workers",), text, mend)


def _listeners(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, listener in enumerate(settings.listener):
        first = seen.setdefault(str(listener.endpoint), index)
        is_any_port = listener.endpoint.port == 0 and not listener.address.startswith("unix:")
        if first != index and not is_any_port:
            where = source.where(("listener", first, "address"))
            text = f"{listener.address} is listened at already, by the listener in {where}"
            yield _problem(
                source, ("listener", index, "address"), text, "give each listener an address of its own"
            )


def _domains(source: Source) -> Iterator[Problem]:
    """Two spellings of one domain are one domain: `EXAMPLE.org`, `example.org`, U-labels and A-labels."""
    seen: dict[str, str] = {}
    for name in source.tree.get("domain", ()):
        first = seen.setdefault(parse_domain(name), name)
        if first != name:
            where = source.where(("domain", first))
            text = f"is the same domain as {spell(('domain', first))} in {where}"
            yield _problem(source, ("domain", name), text, "put both tables into one")


def _tables(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """Read every table's file now, and find every function, as the daemon will."""
    for name, table in settings.table.items():
        try:
            check_table(table, SocketNetwork(settings.net))
        except SettingsError as error:
            text, _, mend = str(error).partition("; mend it: ")
            yield _problem(source, ("table", name), text, mend)


def _signatures(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """Find return addresses to which nothing would come back."""
    domain = settings.srs.domain
    if domain and domain not in settings.domain:
        text = f"{domain} is not one of our domains, so no bounce would come back"
        yield _problem(source, ("srs", "domain"), text, f'name one that is, or add [domain."{domain}"]')
    if settings.batv.refuse_unsigned and not settings.batv.sign:
        text = "every bounce would be refused, for nothing is signed"
        yield _problem(
            source,
            ("batv", "refuse_unsigned"),
            text,
            "set batv.sign = true, and wait as long as batv.max_age_s",
        )


def _addresses(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """Find what a domain asks for addresses and is not there."""
    canonical = settings.canonical
    named: list[tuple[KeyPath, tuple[str, ...]]] = [
        (("canonical", "sender"), canonical.sender),
        (("canonical", "recipient"), canonical.recipient),
    ]
    for name, domain in settings.domain.items():
        named += [
            (("domain", name, "mailboxes"), domain.mailboxes),
            (("domain", name, "aliases"), domain.aliases),
        ]
    for path, tables in named:
        for table in tables:
            if table not in settings.table:
                text = f"there is no table {table}"
                yield _problem(source, path, text, f'describe it: [table.{table}] kind = "..."')
    for name, domain in settings.domain.items():
        if domain.verify and domain.deliver:
            text = "there is no next hop to ask: an agent delivers here"
            yield _problem(
                source, ("domain", name, "verify"), text, "leave out verify, and name the mailboxes"
            )
        other = settings.domain.get(domain.alias_of)
        if domain.alias_of and (other is None or other.alias_of):
            is_missing = other is None
            text = f"{domain.alias_of} is " + (
                "no domain of ours" if is_missing else "the alias of a domain itself"
            )
            mend = (
                f'add [domain."{domain.alias_of}"]'
                if is_missing
                else "name the domain that it is an alias of"
            )
            yield _problem(source, ("domain", name, "alias_of"), text, mend)


def _agents(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """Find agents that are named and not there, and those whose names mean something else already."""
    there = all_agents(settings.agent)
    for path, hop in _hops(settings):
        if hop.deliver and hop.deliver not in there:
            text = f"there is no agent {hop.deliver}"
            mend = f"write a table [agent.{hop.deliver}], or name one of {', '.join(sorted(there))}"
            yield _problem(source, (*path, "deliver"), text, mend)
    for name, agent in settings.agent.items():
        try:
            check_agent(agent)
        except SettingsError as error:
            text, _, mend = str(error).partition("; mend it: ")
            yield _problem(source, ("agent", name), text, mend)
        meant = BUILT_IN.get(name)
        if meant is not None and agent.kind is not meant:
            text = f"an agent with this name is of kind {meant.value}: aliases mean it"
            yield _problem(source, ("agent", name, "kind"), text, "give it another name")
        elif name in RESERVED:
            yield _problem(
                source, ("agent", name), "this name has a meaning of its own", "give it another name"
            )


def _certificates(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """Load every certificate with its key now, as the daemon will."""
    for index, files in enumerate(settings.tls.certificate):
        try:
            server_context(TlsSettings(certificate=(files,)))
        except SettingsError as error:
            text, _, mend = str(error).partition("; mend it: ")
            yield _problem(source, ("tls", "certificate", index), text, mend)
    if settings.tls.certificate or settings.tls.self_signed:
        return
    for index, listener in enumerate(settings.listener):
        if listener.implicit_tls:
            path = ("listener", index, "implicit_tls")
            text = "needs a certificate, and there is none"
            mend = "add [[tls.certificate]] with chain and key, or leave out tls.self_signed = false"
            yield _problem(source, path, text, mend)


def _acme(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    if not settings.acme.is_on:
        return
    if find_spec("acme") is None:
        text = "needs a library that is not installed"
        yield _problem(source, ("acme", "domains"), text, 'pip install "mailrail[acme]"')
    yield from _unusable(source, ("acme", "directory_ca"), ca_file=settings.acme.directory_ca)


def _peers(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """Load what TLS with others goes by now, as the daemon will: authorities, and what we show."""
    for index, listener in enumerate(settings.listener):
        yield from _unusable(source, ("listener", index, "client_ca"), ca_file=listener.client_ca)
    for path, hop in _hops(settings):
        yield from _unusable(source, (*path, "ca_file"), ca_file=hop.ca_file)
        yield from _unusable(source, (*path, "certificate"), certificate=hop.certificate)


def _unusable(
    source: Source, path: KeyPath, *, ca_file: Path | None = None, certificate: CertificateFiles | None = None
) -> Iterator[Problem]:
    if ca_file is None and certificate is None:
        return
    try:
        client_context(verify=True, ca_file=ca_file, client_certificate=certificate)
    except SettingsError as error:
        text, _, mend = str(error).partition("; mend it: ")
        yield _problem(source, path, text, mend)


def _hops(settings: MailrailSettings) -> Iterator[tuple[KeyPath, HopSettings]]:
    for index, route in enumerate(settings.route):
        yield ("route", index), route
    for name, domain in settings.domain.items():
        yield ("domain", name), domain


def _logins(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    """Find logins that nobody could ever use."""
    try:
        check_users(settings.users, SocketNetwork(settings.net))
    except SettingsError as error:
        text, _, mend = str(error).partition("; mend it: ")
        yield _problem(
            source, ("users", "file") if settings.users.file is not None else ("users",), text, mend
        )
    for index, listener in enumerate(settings.listener):
        if listener.auth and not settings.users.is_on:
            text = "nobody can log in: there are no users"
            mend = 'name a file for them: [users] file = "/etc/mailrail/users.toml"'
            yield _problem(source, ("listener", index, "auth"), text, mend)
        yield from _vain_mechanisms(settings, source, index)
        has_tls = settings.tls.certificate or settings.tls.self_signed
        is_for_users = settings.users.is_on and bool(listener.mechanisms)
        if is_for_users and not has_tls and not listener.auth_in_clear:
            text = "nobody can log in here: logins are offered under TLS only, and there is no certificate"
            mend = "add [[tls.certificate]] with chain and key, or leave out tls.self_signed = false"
            yield _problem(source, ("listener", index, "role"), text, mend)


def _vain_mechanisms(settings: MailrailSettings, source: Source, index: int) -> Iterator[Problem]:
    """Find what a listener offers in so many words, and nobody has what it takes."""
    users, listener = settings.users, settings.listener[index]
    if not listener.auth or not users.is_on:
        return
    is_able = able_mechanisms(
        listener.mechanisms,
        by_password=users.has_source,
        by_keys=users.has_source,
        by_token=users.oauth.is_on,
    )
    for name in listener.mechanisms:
        if name not in is_able:
            is_by_token = name in BY_TOKEN
            text = f"nobody can log in by {name}: " + (
                "no tokens are taken" if is_by_token else "users come by tokens only"
            )
            mend = "say in [users.oauth] whose tokens are taken" if is_by_token else f"leave out {name}"
            yield _problem(source, ("listener", index, "auth"), text, mend)


def _secret_files(settings: MailrailSettings, source: Source) -> Iterator[Problem]:
    for path, hop in _hops(settings):
        if hop.login is None:
            continue
        for key, file in (("password_file", hop.login.password_file), ("token_file", hop.login.token_file)):
            if file is not None and (trouble := _trouble_with_secret(file, key.removesuffix("_file"))):
                yield _problem(source, (*path, "login", key), *trouble)


def _trouble_with_secret(file: Path, what: str) -> tuple[str, str] | None:
    """Return what is wrong with a file that holds a secret, and the mend (A77)."""
    try:
        mode = file.stat().st_mode
        with file.open("rb") as stream:
            is_empty = not stream.readline(4096).strip()
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}", ""
    if mode & stat.S_IROTH:
        return f"{file} can be read by everybody", f"chmod 640 {file}"
    if is_empty:
        return f"{file} is empty", f"its first line is the {what}"
    return None


def _open_secrets(source: Source) -> Iterator[Problem]:
    """Find passwords that stand in a settings file that everybody can read (A77)."""
    told: set[str] = set()
    for path in source.paths():
        file = source.where(path).file
        if is_secret_name(str(path[-1])) and file not in told and Path(file).stat().st_mode & stat.S_IROTH:
            told.add(file)
            yield _problem(source, path, f"is in a file that everybody can read, {file}", f"chmod 640 {file}")
