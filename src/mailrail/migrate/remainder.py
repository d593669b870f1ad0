"""Floor 5 · migrate — what nothing else has spoken of: every parameter, override and service gets its word here, the last ones by name."""

from difflib import get_close_matches
from typing import Final

from mailrail.migrate.draft import Draft
from mailrail.migrate.expansion import names_in
from mailrail.migrate.lore import Lore, lore_of
from mailrail.migrate.master import Service
from mailrail.migrate.numbers import BY_NAME
from mailrail.migrate.postfix import defaults
from mailrail.migrate.report import Fate, Subject

# Postfix's own, which every master.cf has.
_OWN: Final = """
    pickup cleanup qmgr oqmgr tlsmgr trivial-rewrite bounce verify flush proxymap smtp showq error
    discard local virtual lmtp anvil scache postlogd dnsblog tlsproxy
"""
# What Postfix makes a parameter of for each transport: `relay_destination_rate_delay`.
_DYNAMIC: Final = """
    _destination_concurrency_limit _destination_concurrency_failed_cohort_limit _destination_rate_delay
    _destination_recipient_limit _initial_destination_concurrency _transport_rate_delay _time_limit _delivery_slot_cost
    _delivery_slot_loan _delivery_slot_discount _minimum_delivery_slots _recipient_limit
    _extra_recipient_limit _recipient_refill_limit _recipient_refill_delay
    _destination_concurrency_positive_feedback _destination_concurrency_negative_feedback
"""


def tell_remainder(draft: Draft) -> None:
    """Say what becomes of all that is not told yet."""
    for name in draft.postfix.parameters:
        if not draft.is_told(name):
            _tell(draft, Subject(name))
    for service in draft.postfix.services:
        for name in service.overrides:
            subject = Subject(name, service=service.label)
            if not draft.is_told(subject):
                _tell(draft, subject)
    _tell_services(draft)
    for trouble in draft.postfix.troubles:
        draft.look(Subject("master.cf", trouble), "This line is no service and counts for nothing.")


def _tell(draft: Draft, subject: Subject) -> None:
    name, postfix = subject.name, draft.postfix
    if not subject.service and name in defaults() and postfix.parameters[name].value == defaults()[name]:
        draft.needless(subject, "It is Postfix's own default.")
        return
    if subject.service and name in BY_NAME:
        draft.look(subject, "Limits and times count for all listeners and next hops alike.")
        return
    lore = _lore(draft, name)
    if lore is not None:
        _tell_lore(draft, subject, lore)
    elif subject.service and name in postfix.known_names:
        words = f"{subject.service} differs here from main.cf; what counts for all is in this file."
        draft.look(subject, words)
    elif name in _mentioned(draft):
        draft.needless(subject, "A name of your own: its value stands wherever it is used.")
    else:
        near = get_close_matches(name, postfix.known_names, n=1)
        words = f'did you mean "{near[0]}"?' if near else "nothing that Postfix knows is spelled like it."
        draft.look(subject, f"Unknown parameter, which Postfix does not act on: {words}")


def _tell_lore(draft: Draft, subject: Subject, lore: Lore) -> None:
    match lore.fate:
        case Fate.UNSUPPORTED:
            draft.unsupported(subject, lore.text)
        case Fate.LOOK:
            draft.look(subject, lore.text)
        case _:
            draft.needless(subject, lore.text)


def _lore(draft: Draft, name: str) -> Lore | None:
    if name in draft.postfix.known_names:
        return lore_of(name)
    transports = {service.name for service in draft.postfix.services} | {
        "smtp",
        "relay",
        "lmtp",
        "local",
        "virtual",
        "error",
    }
    for end in _DYNAMIC.split():
        if name.endswith(end) and name.removesuffix(end) in transports:
            return Lore(
                (name,),
                Fate.LOOK,
                f"Single destinations are limited by [queue.destination], not transports (default{end}).",
            )
    return None


def _mentioned(draft: Draft) -> set[str]:
    postfix = draft.postfix
    values = [parameter.value for parameter in postfix.parameters.values()]
    for service in postfix.services:
        values += [*service.overrides.values(), *service.arguments]
    return set().union(*map(names_in, values)) if values else set()


def _tell_services(draft: Draft) -> None:
    own = [service for service in draft.postfix.services if _is_own(service)]
    if own:
        words = f"These are Postfix's own daemons, and mailrail is one program: {', '.join(dict.fromkeys(one.name for one in own))}."
        draft.needless(Subject("master.cf", "daemons"), words)
    chroot = [service.label for service in draft.postfix.services if service.chroot == "y"]
    if chroot:
        words = "There is no chroot: run mailrail under systemd with ProtectSystem= and the like instead, for a whole process at once."
        draft.needless(Subject("master.cf", "chroot"), words)
    for service in draft.postfix.services:
        if not _is_own(service) and not draft.is_told(service.label):
            _tell_service(draft, service)


def _is_own(service: Service) -> bool:
    return service.kind != "inet" and service.command in _OWN.split()


def _tell_service(draft: Draft, service: Service) -> None:
    match service.command:
        case "pipe":
            draft.needless(service.label, "No mail is sent by this transport.")
        case "smtpd":
            draft.needless(service.label, "postscreen hands over to it; there is one program here.")
        case "qmqpd":
            draft.unsupported(service.label, "There is no QMQP; use SMTP, on a listener of role internal.")
        case "spawn":
            draft.unsupported(service.label, "mailrail starts no servers of others: let systemd do it.")
        case _:
            draft.look(service.label, f"This command does not know what {service.command} is for.")
