"""Floor 5 · migrate — where Postfix takes mail, and what that becomes: a listener for each address of each smtpd.

Source: master(5), smtpd(8), postscreen(8).
"""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final

from mailrail.config import KeyPath
from mailrail.migrate.draft import Draft
from mailrail.migrate.master import Service
from mailrail.migrate.matching import networks_of, read_names
from mailrail.migrate.report import Subject
from mailrail.migrate.restrictions import Restrictions

_PORTS: Final = {"smtp": 25, "submission": 587, "smtps": 465, "submissions": 465, "lmtp": 24}
_PORT_DIGITS: Final = 5
_SUBMISSION_PORTS: Final = (587, 465)
_LOOPBACK: Final = {
    "loopback-only": ("127.0.0.1", "::1"),
    "localhost": ("127.0.0.1", "::1"),
    "all": ("0.0.0.0", "::"),  # noqa: S104 -- it is what Postfix does, and what was asked for
}
_WITHOUT_LOGIN: Final = 'Nobody can log in before [users] says who there is: {why} Put people into a file by "mailrail user add", or name another source.'


def receiving(services: Sequence[Service]) -> list[Service]:
    """Return the rows that take mail from the network; postscreen hands over to the smtpd behind it."""
    behind = next((one for one in services if one.kind == "pass" and one.command == "smtpd"), None)
    found = []
    for service in services:
        if service.kind != "inet":
            continue
        if service.command == "postscreen" and behind is not None:
            both = {**behind.overrides, **service.overrides}
            found.append(
                Service(
                    service.name, "inet", service.chroot, service.most, "postscreen", (), both, service.number
                )
            )
        elif service.command in ("smtpd", "postscreen"):
            found.append(service)
    return found


class Listeners:
    """Writes [[listener]] and [users]."""

    def __init__(self, draft: Draft, services: Sequence[Service], restrictions: Restrictions) -> None:
        self._draft = draft
        self._postfix = draft.postfix
        self._services = services
        self._restrictions = restrictions

    def write(self) -> None:
        """Write a listener for each address of each service, and who can log in."""
        has_submission = False
        for service in self._services:
            has_submission |= self._write_service(service)
        if not self._draft.get(("listener",)):
            self._write_none()
        logins = [one for one in self._services if self._postfix.is_on("smtpd_sasl_auth_enable", one)]
        if logins and not has_submission:
            self._add_submission(logins[0])
        if logins:
            self._write_users(logins[0])
        for service in logins:
            words = "Logins are offered under TLS, at listeners of role submission."
            self._draft.taken(self._subject("smtpd_sasl_auth_enable", service), words, ("listener", "role"))
        self._draft.taken("inet_interfaces", "", ("listener", "address"))
        self._tell_families()

    def _write_none(self) -> None:
        """Keep a host closed that takes no mail from the network: without any listener there would be one for everybody."""
        path = self._draft.append("listener")
        subject = Subject("master.cf", "no smtpd")
        self._draft.put((*path, "address"), "127.0.0.1:25", subject)
        self._draft.put((*path, "role"), "internal", subject)
        self._draft.look(
            subject,
            "Postfix takes no mail from the network; this listener on loopback is for programs of this host.",
        )

    # --- Addresses --------------------------------------------------------------------

    def _write_service(self, service: Service) -> bool:
        """Write the listeners of one row; tell whether they take submissions."""
        host, port = _split(service.name)
        if port is None:
            self._draft.look(
                service.label,
                f"The port {service.name!r} is none that this command knows: write a [[listener]] for it.",
            )
            return False
        hosts = [host] if host else list(self._hosts(service))
        role = self._role(service, hosts, port)
        for one in hosts:
            self._write_listener(service, _joined(one, port), role, port)
        if service.command == "postscreen":
            words = "What postscreen did before the greeting (early talkers) every listener does; its block lists are not there yet."
            self._draft.look(service.label, words)
        return role == "submission"

    def _write_listener(self, service: Service, address: str, role: str, port: int) -> None:
        path = self._draft.append("listener")
        self._draft.put((*path, "address"), address, service.label)
        self._draft.tell_origin((*path, "address"), *self._origin_of_addresses(service))
        self._draft.put((*path, "role"), role, service.label)
        if self._postfix.is_on("smtpd_tls_wrappermode", service):
            self._draft.put((*path, "implicit_tls"), True, self._subject("smtpd_tls_wrappermode", service))
        elif port == _PORTS["smtps"]:
            words = "Port 465 speaks TLS from the first byte everywhere, but not here: set implicit_tls = true if that is a slip."
            self._draft.look(service.label, words)
        self._write_certificates(path, service)
        self._write_proxies(path, service)

    def _hosts(self, service: Service) -> Iterator[str]:
        """Yield the addresses that a service without one of its own listens at."""
        families = self._postfix.words("inet_protocols", service)
        for word in self._postfix.words("inet_interfaces", service):
            for host in _LOOPBACK.get(word.lower(), (word,)):
                try:
                    version = ip_address(host.strip("[]")).version
                except ValueError:
                    words = f"Name the address of {host}: mailrail listens at addresses, not at names; here it listens at all of them."
                    self._draft.look("inet_interfaces", words)
                    yield from (
                        one for one in _LOOPBACK["all"] if _is_spoken(ip_address(one).version, families)
                    )
                    continue
                if _is_spoken(version, families):
                    yield host.strip("[]")

    def _origin_of_addresses(self, service: Service) -> list[Subject]:
        return [] if _split(service.name)[0] else [self._subject("inet_interfaces", service)]

    def _tell_families(self) -> None:
        families = self._postfix.words("inet_protocols")
        if families == ["ipv4"] or families == ["ipv6"]:
            self._draft.put(("routing", "ip_version"), families[0][-1], "inet_protocols")
        else:
            self._draft.needless("inet_protocols", "Both families are the default.")

    # --- Role -------------------------------------------------------------------------

    def _role(self, service: Service, hosts: Sequence[str], port: int) -> str:
        is_submission = port in _SUBMISSION_PORTS or self._restrictions.is_for_members(service)
        if is_submission or self._postfix.is_on("smtpd_tls_wrappermode", service):
            for name in ("smtpd_tls_security_level", "smtpd_enforce_tls", "smtpd_tls_auth_only"):
                self._draft.needless(
                    self._subject(name, service), "Logins are offered under TLS only, always."
                )
            return "submission"
        if all(ip_address(host).is_loopback for host in hosts):
            if port != _PORTS["smtp"]:
                words = "A second port on loopback is mostly where a content filter hands mail back, which mailrail has no need of."
                self._draft.look(service.label, words)
            return "internal"
        if self._postfix.is_on("smtpd_sasl_auth_enable", service):
            words = "Mail from other servers and logins have ports of their own in mailrail: people log in at 587 or 465, not here."
            self._draft.look(self._subject("smtpd_sasl_auth_enable", service), words)
        if self._postfix.value("smtpd_tls_security_level", service) == "encrypt" or self._postfix.is_on(
            "smtpd_enforce_tls", service
        ):
            words = "Other servers may come without TLS to a listener of role mx; RFC 3207 forbids to ask for it there."
            self._draft.look(self._subject("smtpd_tls_security_level", service), words)
        return "mx"

    def _write_certificates(self, path: KeyPath, service: Service) -> None:
        """Ask clients for a certificate where Postfix does."""
        for name, word in (("smtpd_tls_req_ccert", "require"), ("smtpd_tls_ask_ccert", "ask")):
            if not self._postfix.is_on(name, service):
                continue
            subject = self._subject(name, service)
            authorities = self._postfix.value("smtpd_tls_CAfile", service)
            if not authorities:
                self._draft.look(
                    subject,
                    "Name the authorities that vouch for clients: listener.client_certificate and client_ca.",
                )
                return
            self._draft.put((*path, "client_certificate"), word, subject)
            self._draft.put(
                (*path, "client_ca"),
                self._postfix.place(authorities),
                self._subject("smtpd_tls_CAfile", service),
            )
            return

    def _write_proxies(self, path: KeyPath, service: Service) -> None:
        xclient = self._subject("smtpd_authorized_xclient_hosts", service)
        found, others = networks_of(
            read_names(self._postfix, self._postfix.value(xclient.name, service)).names
        )
        if found:
            self._draft.put((*path, "xclient_from"), found, xclient)
        if others:
            self._draft.look(
                xclient, f"Name addresses instead of names: {', '.join(name.text for name in others)}."
            )
        for name in ("smtpd_upstream_proxy_protocol", "postscreen_upstream_proxy_protocol"):
            if self._postfix.value(name, service):
                words = "Say proxy_protocol = true and proxy_from, with the addresses of the proxies, in this listener; Postfix believes everybody."
                self._draft.look(self._subject(name, service), words)

    # --- Logins -----------------------------------------------------------------------

    def _add_submission(self, service: Service) -> None:
        subject = self._subject("smtpd_sasl_auth_enable", service)
        host, _ = _split(service.name)
        for one in [host] if host else list(self._hosts(service)):
            path = self._draft.append("listener")
            self._draft.put((*path, "address"), _joined(one, _PORTS["submission"]), subject)
            self._draft.put((*path, "role"), "submission", subject)

    def _write_users(self, service: Service) -> None:
        subject = self._subject("smtpd_sasl_auth_enable", service)
        kind = self._subject("smtpd_sasl_type", service)
        where = self._subject("smtpd_sasl_path", service)
        place = self._postfix.value(where.name, service)
        if self._postfix.value(kind.name, service) != "dovecot":
            self._draft.look(
                subject,
                _WITHOUT_LOGIN.format(why="passwords came from Cyrus SASL, which mailrail does not ask."),
            )
            self._draft.needless(kind, "mailrail checks passwords by itself, or asks Dovecot.")
            self._draft.needless(where, "mailrail checks passwords by itself, or asks Dovecot.")
        elif place.startswith("inet:"):
            self._draft.look(
                where, _WITHOUT_LOGIN.format(why="Dovecot is asked by a Unix socket only (users.dovecot).")
            )
        else:
            queue = self._postfix.value("queue_directory")
            path = place.removeprefix("unix:")
            self._draft.put(("users", "dovecot"), path if path.startswith("/") else f"{queue}/{path}", where)
            self._draft.taken(kind, "", ("users", "dovecot"))
        self._write_senders(service)

    def _write_senders(self, service: Service) -> None:
        """Keep whom Postfix lets people send as."""
        maps = self._subject("smtpd_sender_login_maps", service)
        if self._restrictions.checks_senders:
            words = "People send as their login name; further addresses are the user's may_send_as (mailrail user), or columns of users.sql."
            if self._postfix.value(maps.name, service):
                self._draft.look(maps, words)
            return
        words = (
            "Postfix lets everybody who logs in send as anybody, and so does this file. Better leave both out: then people send as the "
            "addresses that are theirs."
        )
        for key in ("check_sender", "check_from"):
            self._draft.put(("submission", key), False, maps)
        self._draft.look(maps, words)

    def _subject(self, name: str, service: Service) -> Subject:
        return Subject(name, service=service.label if name in service.overrides else "")


def _split(name: str) -> tuple[str, int | None]:
    """Read `smtp`, `10025`, `127.0.0.1:10025`, `[::1]:smtp`."""
    host, _, port = name.rpartition(":")
    number = (
        int(port) if port.isascii() and port.isdecimal() and len(port) <= _PORT_DIGITS else _PORTS.get(port)
    )
    if number is not None and not 0 < number < 65_536:
        number = None
    bare = host.strip("[]")
    if bare.lower() == "localhost":
        bare = "127.0.0.1"
    try:
        return (str(ip_address(bare)) if bare else ""), number
    except ValueError:
        return "", None


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_spoken(version: int, families: Sequence[str]) -> bool:
    return "all" in families or f"ipv{version}" in families or not families
