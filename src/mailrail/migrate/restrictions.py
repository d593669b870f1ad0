"""Floor 5 · migrate — smtpd's lists of restrictions, word by word. Source: postconf(5), SMTPD_ACCESS_README, RESTRICTION_CLASS_README."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mailrail.migrate.draft import Draft
from mailrail.migrate.logical_lines import words
from mailrail.migrate.master import Service
from mailrail.migrate.report import Fate, Subject

LISTS: Final = tuple(
    f"smtpd_{step}_restrictions"
    for step in ("client", "helo", "sender", "relay", "recipient", "data", "end_of_data")
)
_RELAYING: Final = ("smtpd_relay_restrictions", "smtpd_recipient_restrictions")


@dataclass(frozen=True, slots=True)
class Word:
    """One restriction with its argument."""

    name: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.argument}".rstrip()


_WITH_ARGUMENT: Final = (
    "check_", "reject_rbl_client", "reject_rhsbl_", "permit_dnswl_client", "permit_rhswl_client", "sleep",
)  # fmt: skip
_FATES: Final[dict[str, tuple[Fate, str]]] = {
    "permit_sasl_authenticated": (Fate.TAKEN_OVER, "Whoever logs in may send anywhere."),
    "permit_tls_clientcerts": (Fate.UNSUPPORTED, "Certificates are no right to relay here; a login by EXTERNAL is (listener.auth)."),
    "permit_tls_all_clientcerts": (Fate.UNSUPPORTED, "Certificates are no right to relay here; a login by EXTERNAL is (listener.auth)."),
    "reject_unauth_destination": (Fate.NEEDLESS, "mailrail relays for nobody else, by itself."),
    "defer_unauth_destination": (Fate.NEEDLESS, "mailrail relays for nobody else, by itself."),
    "permit_auth_destination": (Fate.NEEDLESS, "Mail for a [domain] is taken from anybody, by itself."),
    "permit_mx_backup": (Fate.UNSUPPORTED, "Domains are never guessed from the DNS: name each one that this host is a backup for ([domain])."),
    "reject_unauth_pipelining": (Fate.NEEDLESS, "Who talks out of turn is refused, always."),
    "reject_unlisted_recipient": (Fate.NEEDLESS, "Who has no mailbox and no alias is refused at RCPT, by itself."),
    "reject_unlisted_sender": (Fate.UNSUPPORTED, "Senders of strangers are not looked up."),
    "reject_non_fqdn_sender": (Fate.NEEDLESS, "An address without a domain is refused by its grammar."),
    "reject_non_fqdn_recipient": (Fate.NEEDLESS, "An address without a domain is refused by its grammar."),
    "reject_invalid_helo_hostname": (Fate.UNSUPPORTED, "The name in a greeting is only noted."),
    "reject_non_fqdn_helo_hostname": (Fate.UNSUPPORTED, "The name in a greeting is only noted."),
    "reject_unknown_helo_hostname": (Fate.UNSUPPORTED, "The name in a greeting is only noted."),
    "reject_unknown_client_hostname": (Fate.UNSUPPORTED, "The names of clients are not asked for."),
    "reject_unknown_reverse_client_hostname": (Fate.UNSUPPORTED, "The names of clients are not asked for."),
    "reject_unknown_sender_domain": (Fate.UNSUPPORTED, "The sender's domain is not asked for in the DNS."),
    "reject_unknown_recipient_domain": (Fate.UNSUPPORTED, "A domain that is not there is found when mail is sent on, and told the sender by a notice."),
    "reject_unverified_sender": (Fate.UNSUPPORTED, "Senders are not asked after."),
    "reject_multi_recipient_bounce": (Fate.UNSUPPORTED, "A notice may have several recipients here."),
    "reject_plaintext_session": (Fate.UNSUPPORTED, "Mail from other servers is taken without TLS, too; logins never are."),
    "permit": (Fate.NEEDLESS, "What no rule refuses is taken."),
    "permit_inet_interfaces": (Fate.LOOK, "This host's own addresses may relay where relay.networks names them."),
    "defer_if_permit": (Fate.UNSUPPORTED, "There is no rule that puts mail off by itself."),
    "defer_if_reject": (Fate.UNSUPPORTED, "There is no rule that puts mail off by itself."),
    "defer": (Fate.UNSUPPORTED, "There is no rule that puts mail off by itself."),
    "warn_if_reject": (Fate.UNSUPPORTED, "There are no trial runs of rules."),
}  # fmt: skip
_SENDER_MATCHES: Final = frozenset(
    {
        "reject_sender_login_mismatch",
        "reject_authenticated_sender_login_mismatch",
        "reject_known_sender_login_mismatch",
        "reject_unauthenticated_sender_login_mismatch",
    }
)
_CALL_AHEAD: Final = "reject_unverified_recipient"
_BLOCK_LIST: Final = "Block lists are not supported yet. Until they are, let the mail store filter, or keep a filter that asks them before this host."
_POLICY: Final = "Policy servers (greylisting, SPF, rate limits) are not supported yet."
_ACCESS: Final = "Access tables are not supported yet; what must stay out can be kept out by the firewall."


def parse_restrictions(text: str) -> Iterator[Word]:
    """Read a list of restrictions; a table without a word before it is a check of that list's own kind."""
    waiting = iter(words(text))
    for word in waiting:
        takes_one = word.startswith(_WITH_ARGUMENT)
        yield Word(word, next(waiting, "") if takes_one else "")


class Restrictions:
    """What the lists of all smtpd services come to.

    Attributes:
        services: the rows of master.cf that are smtpd.
    """

    def __init__(self, draft: Draft, services: Sequence[Service]) -> None:
        self._draft = draft
        self._postfix = draft.postfix
        self.services = services
        self._asked: list[str] = []

    def lets(self, word: str, service: Service | None = None) -> bool:
        """Tell whether one of the lists that decide on relaying holds *word*."""
        return any(
            found.name == word
            for name in _RELAYING
            for found in parse_restrictions(self._postfix.value(name, service))
        )

    def holds(self, wanted: frozenset[str]) -> bool:
        """Tell whether any list of any service holds one of *wanted*."""
        return any(
            word.name in wanted
            for service in (None, *self.services)
            for name in LISTS
            for word in parse_restrictions(self._postfix.value(name, service))
        )

    def is_for_members(self, service: Service) -> bool:
        """Tell whether *service* refuses everybody who has not logged in or is in no network of ours."""
        for name in (*_RELAYING, "smtpd_client_restrictions"):
            names = [word.name for word in parse_restrictions(self._postfix.value(name, service))]
            if "reject" in names and "permit_sasl_authenticated" in names:
                return True
        return False

    @property
    def checks_senders(self) -> bool:
        """Tell whether those who log in may only send as themselves."""
        return self.holds(_SENDER_MATCHES)

    def write_verification(self) -> None:
        """Have next hops asked before a recipient is taken, for domains whose names are not listed here."""
        if not self.holds(frozenset({_CALL_AHEAD})):
            return
        subject = next(self._where(_CALL_AHEAD))
        for domain, table in (self._draft.get(("domain",)) or {}).items():
            is_passed_on = "relay_to" in table or not table.keys() & {"deliver", "aliases"}
            if is_passed_on and "mailboxes" not in table:
                self._draft.put(("domain", domain, "verify"), True, subject)
                self._asked.append(domain)

    def _where(self, wanted: str) -> Iterator[Subject]:
        """Yield each place where the word *wanted* stands."""
        for service in (None, *self.services):
            for name in LISTS:
                is_own = service is None or name in service.overrides
                if is_own and any(
                    word.name == wanted for word in parse_restrictions(self._postfix.value(name, service))
                ):
                    yield Subject(name, wanted, service.label if service is not None else "")

    def tell(self) -> None:
        """Say of every word what becomes of it."""
        for name in LISTS:
            if self._postfix.is_set(name):
                self._tell_list(name, None)
            for service in self.services:
                if name in service.overrides:
                    self._tell_list(name, service)

    def _tell_list(self, name: str, service: Service | None) -> None:
        label = service.label if service is not None else ""
        found = list(parse_restrictions(self._postfix.value(name, service)))
        if not found:
            self._draft.needless(Subject(name, service=label), "An empty list asks for nothing.")
        before: set[str] = set()
        for word in found:
            fate, text = self._fate(word, name, before)
            before.add(word.name)
            subject = Subject(name, str(word), label)
            match fate:
                case Fate.TAKEN_OVER:
                    self._draft.taken(subject, text, *self._settings(word))
                case Fate.NEEDLESS:
                    self._draft.needless(subject, text)
                case Fate.UNSUPPORTED:
                    self._draft.unsupported(subject, text)
                case Fate.LOOK:
                    self._draft.look(subject, text)

    def _settings(self, word: Word) -> list[tuple[str, ...]]:
        if word.name == "permit_mynetworks":
            return [("relay", "networks")]
        if word.name == _CALL_AHEAD:
            return [("domain", domain, "verify") for domain in self._asked]
        return [("submission", "check_sender")] if word.name in _SENDER_MATCHES else []

    def _fate(self, word: Word, name: str, before: set[str]) -> tuple[Fate, str]:
        if word.name == "permit_mynetworks":
            is_relaying = name in _RELAYING
            words = (
                "Clients of these networks may send anywhere."
                if is_relaying
                else "Nothing here is asked of strangers that these would be spared."
            )
            return (Fate.TAKEN_OVER if is_relaying else Fate.NEEDLESS), words
        if word.name in _SENDER_MATCHES:
            return Fate.TAKEN_OVER, "Who logs in sends as an address of its own."
        if word.name == "reject":
            if before & {"permit_sasl_authenticated", "permit_mynetworks"}:
                return Fate.NEEDLESS, "A listener of role submission or internal takes mail from nobody else."
            return Fate.LOOK, "This refuses everybody, for a reason that this command does not see."
        if word.name == _CALL_AHEAD:
            if self._asked:
                return (
                    Fate.TAKEN_OVER,
                    f"Before a recipient is taken, the next hop is asked: {', '.join(self._asked)}.",
                )
            return Fate.NEEDLESS, "There is no domain whose next hop could be asked."
        if word.name.startswith(("reject_rbl_client", "reject_rhsbl_", "permit_dnswl", "permit_rhswl")):
            return Fate.UNSUPPORTED, _BLOCK_LIST
        if word.name == "check_policy_service":
            return Fate.UNSUPPORTED, _POLICY
        if word.name == "sleep":
            return (
                Fate.NEEDLESS,
                "Who talks before it is greeted is turned away, and who makes errors waits (limits).",
            )
        if word.name in _FATES:
            return _FATES[word.name]
        if word.name in self._postfix.words("smtpd_restriction_classes"):
            return Fate.UNSUPPORTED, f"The class {word.name} is a list of its own, which is not looked into."
        if word.name.startswith("check_") or ":" in word.name:
            return Fate.UNSUPPORTED, _ACCESS
        return Fate.LOOK, "This command does not know the restriction; nothing takes its place."
