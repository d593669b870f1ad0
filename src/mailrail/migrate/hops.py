"""Floor 5 · migrate — where Postfix would send mail to: `transport:nexthop`, with the TLS and the login that it uses there.

Source: transport(5), smtp(8), lmtp(8), TLS_README, SASL_README.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailrail.migrate.draft import Draft, File
from mailrail.migrate.lookups import look_up
from mailrail.migrate.master import Service
from mailrail.migrate.postfix import Postfix
from mailrail.migrate.report import Subject
from mailrail.routing import parse_next_hop

SYSTEM_AUTHORITIES: Final = frozenset(
    {
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/certs",
        "/etc/ssl/cert.pem",
    }
)
_UNFIT: Final = re.compile(r"[^A-Za-z0-9.-]+")
# Programs of Postfix, where master.cf has no row of the name.
_USUAL: Final = {"smtp": "smtp", "relay": "smtp", "lmtp": "lmtp"}
_LEVELS: Final = {
    "": "none", "none": "none", "may": "may", "encrypt": "encrypt", "verify": "verify", "secure": "verify",
    "dane": "may", "dane-only": "encrypt", "fingerprint": "verify",
}  # fmt: skip
_APART: Final = {
    "dane": "DANE is not supported yet: TLS is used where it is offered, but not asked for.",
    "dane-only": "DANE is not supported yet: TLS is asked for, but whom it is spoken with is not verified.",
    "fingerprint": "Certificates cannot be pinned: the next hop is verified by name and authority, and mail waits where that fails.",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a table or parameter sends mail.

    Attributes:
        transport: name of a service; "" for the usual one.
        program: what that service runs: "smtp", "lmtp", "local", "virtual", "pipe", "error" ...
        next_hop: as written behind the first colon.
        service: the row of master.cf, None where there is none.
    """

    transport: str
    program: str
    next_hop: str
    service: Service | None = None

    @property
    def prefix(self) -> str:
        """How the parameters of its program begin."""
        return "lmtp" if self.program == "lmtp" else "smtp"

    @property
    def is_smtp(self) -> bool:
        """Tell whether mail goes on by SMTP or LMTP."""
        return self.program in ("smtp", "lmtp")


def parse_destination(postfix: Postfix, text: str, usual: str = "smtp") -> Destination:
    """Read `smtp:[10.0.0.5]:25`, `lmtp:unix:private/dovecot-lmtp`, `error:5.1.1 gone`, `:[10.0.0.5]`.

    Args:
        usual: the transport of a text without one.
    """
    transport, _, next_hop = text.strip().partition(":")
    name = transport.strip() or usual
    service = next((one for one in postfix.services if one.name == name and one.kind == "unix"), None)
    program = service.command if service is not None else _USUAL.get(name, name)
    return Destination(transport.strip(), program, next_hop.strip(), service)


def parse_relay(postfix: Postfix, text: str) -> Destination:
    """Read a next hop without a transport, like relayhost has."""
    return parse_destination(postfix, f":{text}")


@dataclass(frozen=True, slots=True)
class Target:
    """A next hop as mailrail writes it.

    Attributes:
        text: for `next_hop` or `relay_to`; "" where the recipient's own MX are meant.
        is_by_mx: Postfix would look for the MX of that name; mailrail goes to the host itself.
        fault: why it cannot be written.
    """

    text: str
    is_by_mx: bool = False
    fault: str = ""


def target_of(postfix: Postfix, destination: Destination) -> Target:
    """Return what *destination* is in mailrail's words."""
    hops = destination.next_hop.replace(",", " ").split()
    if not hops:
        return Target("")
    text, is_lmtp = hops[0], destination.program == "lmtp"
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        queue = postfix.value("queue_directory")
        return _checked(f"unix:{path if path.startswith('/') else f'{queue}/{path}'}")
    text = text.removeprefix("inet:")
    host, port = _split_port(text)
    is_literal = host.startswith("[") and host.endswith("]")
    bare = host[1:-1].removeprefix("IPv6:").removeprefix("ipv6:") if is_literal else host
    if ":" in bare:
        bare = f"[{bare}]"
    target = _checked(f"{bare}:{_port_number(port)}" if port else bare)
    is_address = is_literal or bare.startswith("[") or bare.replace(".", "").isdecimal()
    fault = target.fault or (f"only the first of {len(hops)} next hops is used" if len(hops) > 1 else "")
    return Target(target.text, not is_address and not is_lmtp, fault)


def _checked(text: str) -> Target:
    try:
        parse_next_hop(text)
    except ValueError as error:
        return Target("", fault=str(error))
    return Target(text)


def _split_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text.partition("]")
        return f"{host}]", rest.removeprefix(":")
    host, _, port = text.partition(":")
    return host, port


def _port_number(port: str) -> str:
    return {"smtp": "25", "submission": "587", "smtps": "465", "submissions": "465", "lmtp": "24"}.get(
        port, port
    )


class HopWriter:
    """Writes routes with all that belongs to a next hop.

    Args:
        home: directory of the settings file, where password files go.
    """

    def __init__(self, draft: Draft, home: str) -> None:
        self._draft = draft
        self._postfix = draft.postfix
        self._home = home

    def write(
        self,
        path: tuple[str | int, ...],
        key: str,
        destination: Destination,
        subject: Subject,
        *,
        domain: str = "",
    ) -> None:
        """Set `next_hop` or `relay_to`, TLS and login of the table *path*.

        Args:
            key: the name of the setting for the next hop.
            domain: the domain whose MX are meant where *destination* names no next hop.
        """
        target = target_of(self._postfix, destination)
        if target.fault:
            self._draft.look(subject, f"{target.fault}.")
        if target.text:
            self._draft.put((*path, key), target.text, subject)
            if destination.program == "lmtp":
                self._draft.put((*path, "lmtp"), True, subject)
            if target.is_by_mx:
                host = target.text.partition(":")[0]
                words = (
                    f"Postfix asks for the MX of {host}; mailrail connects to the host of this name. If it has no address of its "
                    "own, name one of its MX."
                )
                self._draft.look(subject, words)
        if target.text.startswith("unix:"):
            return
        level = self._write_level(path, destination, target, domain)
        if target.text and self._write_login(path, destination, target):
            level = self._tighten(path, level, destination)
        self._write_files(path, destination, level)

    # --- TLS --------------------------------------------------------------------------

    def _write_level(
        self, path: tuple[str | int, ...], destination: Destination, target: Target, domain: str
    ) -> str:
        """Set `tls` where the next hop differs from others, and return the level in mailrail's words."""
        prefix, service = destination.prefix, destination.service
        if target.text and self._postfix.is_on(f"{prefix}_tls_wrappermode", service):
            self._draft.put((*path, "implicit_tls"), True, _where(f"{prefix}_tls_wrappermode", service))
        general = self._draft.get(("routing", "tls")) or "may"
        word, source = self._policy(prefix, destination.next_hop or domain)
        if source is None:
            word, source = security_level(self._postfix, prefix, service)
            if not source.service and not self._postfix.is_set(source.name):
                # Where Postfix spoke no TLS only because nobody asked for it, mailrail does.
                word = "may" if prefix == "lmtp" else general
        level = _LEVELS.get(word)
        if level is None:
            words = f"{word!r} is no level that this command knows; routing.tls counts here."
            self._draft.look(source, words)
            return general
        if word in _APART and not (prefix == "smtp" and source == Subject("smtp_tls_security_level")):
            self._draft.look(source, _APART[word])
        if level != general and not (
            level in ("none", "may", "encrypt") and self._draft.get((*path, "implicit_tls"))
        ):
            self._draft.put((*path, "tls"), level, source)
        return level

    def _write_files(self, path: tuple[str | int, ...], destination: Destination, level: str) -> None:
        prefix, service = destination.prefix, destination.service
        authorities = self._postfix.value(f"{prefix}_tls_CAfile", service)
        subject = _where(f"{prefix}_tls_CAfile", service)
        if level == "verify" and authorities and authorities not in SYSTEM_AUTHORITIES:
            self._draft.put((*path, "ca_file"), self._postfix.place(authorities), subject)
        chain = self._postfix.words(f"{prefix}_tls_chain_files", service)
        certificate = chain[-1] if chain else self._postfix.value(f"{prefix}_tls_cert_file", service)
        if not certificate:
            return
        key = chain[0] if chain else self._postfix.value(f"{prefix}_tls_key_file", service)
        subject = _where(f"{prefix}_tls_chain_files" if chain else f"{prefix}_tls_cert_file", service)
        if level == "none":
            return
        self._draft.put((*path, "certificate", "chain"), self._postfix.place(certificate), subject)
        other = subject if chain else _where(f"{prefix}_tls_key_file", service)
        self._draft.put((*path, "certificate", "key"), self._postfix.place(key), other)

    def _policy(self, prefix: str, next_hop: str) -> tuple[str, Subject | None]:
        """Return the level that the policy table has for *next_hop*, and the line that says so."""
        name = f"{prefix}_tls_policy_maps"
        hit = look_up(self._draft, name, _policy_keys(next_hop))
        if hit is None:
            return "", None
        level, _, attributes = hit.value.partition(" ")
        subject = hit.subject(name)
        if attributes.strip():
            self._draft.look(
                subject, f"The attributes {attributes.strip()!r} have no counterpart; the level counts."
            )
        return level, subject

    # --- Login ------------------------------------------------------------------------

    def _write_login(self, path: tuple[str | int, ...], destination: Destination, target: Target) -> bool:
        """Set `login` where there is one for this next hop, and tell whether there is."""
        prefix, service = destination.prefix, destination.service
        switch, name = f"{prefix}_sasl_auth_enable", f"{prefix}_sasl_password_maps"
        if not self._postfix.is_on(switch, service):
            return False
        hop = destination.next_hop.replace(",", " ").split()[0]
        host = _host_of(target)
        hit = look_up(self._draft, name, [hop, host], service=service)
        if hit is None:
            return False
        subject = _where(name, service) if hit.is_secret else hit.subject(name)
        user, _, password = hit.value.partition(":")
        file = f"{_UNFIT.sub('-', host)}.password"
        self._draft.files[file] = File(f"{password}\n", is_secret=True)
        self._draft.put((*path, "login", "user"), user, subject)
        words = f"The password is in {self._home}/{file}, for its owner to read only."
        self._draft.put((*path, "login", "password_file"), f"{self._home}/{file}", subject, text=words)
        self._draft.taken(_where(switch, service), "", (*path, "login"))
        self._write_mechanisms(path, _where(f"{prefix}_sasl_mechanism_filter", service), service)
        return True

    def _tighten(self, path: tuple[str | int, ...], level: str, destination: Destination) -> str:
        """Let a login leave under verified TLS only, and say so where Postfix was less strict; return the level."""
        if level != "verify":
            self._draft.drop((*path, "tls"))
            words = (
                'The login is sent under TLS with a verified certificate only (tls = "verify", the default where there is a login); '
                "Postfix would have sent it in the clear, too, or to whoever answers."
            )
            self._draft.look(_where(f"{destination.prefix}_sasl_auth_enable", destination.service), words)
        return "verify"

    def _write_mechanisms(
        self, path: tuple[str | int, ...], subject: Subject, service: Service | None
    ) -> None:
        names = [word.upper() for word in self._postfix.words(subject.name, service)]
        known = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", "LOGIN")
        kept = [name for name in known if name in names]
        if not names:
            return
        if kept:
            self._draft.put((*path, "login", "mechanisms"), kept, subject)
        if len(kept) < len(names):
            self._draft.look(
                subject,
                f"Of these mailrail knows {', '.join(kept) or 'none, so that it uses what is offered'}.",
            )


def _host_of(target: Target) -> str:
    """Return the host of a next hop, without its port and brackets."""
    return parse_next_hop(target.text).host


def security_level(postfix: Postfix, prefix: str, service: Service | None = None) -> tuple[str, Subject]:
    """Return the level that counts for *prefix* where no policy says otherwise, and the parameter that says so."""
    for name, level in ((f"{prefix}_enforce_tls", "encrypt"), (f"{prefix}_use_tls", "may")):
        if not postfix.value(f"{prefix}_tls_security_level", service) and postfix.is_on(name, service):
            return level, _where(name, service)
    name = f"{prefix}_tls_security_level"
    return postfix.value(name, service).lower(), _where(name, service)


def _where(name: str, service: Service | None) -> Subject:
    """Return the subject of *name* as it is in force for *service*."""
    return Subject(name, service=service.label if service is not None and name in service.overrides else "")


def _policy_keys(next_hop: str) -> Iterator[str]:
    """Yield what Postfix asks a policy table for: the next hop as written, and of a domain each parent with a dot before it."""
    hops = next_hop.replace(",", " ").lower().split()
    if not hops:
        return
    hop = hops[0]
    yield hop
    parent = hop
    while "." in parent and not hop.startswith("["):
        parent = parent.partition(".")[2]
        yield f".{parent}"
