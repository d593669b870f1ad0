"""Floor 5 · migrate — who this host is, and which networks may send anywhere."""

from mailrail.config import complaint
from mailrail.migrate.draft import Draft
from mailrail.migrate.matching import networks_of, read_names
from mailrail.migrate.report import Subject
from mailrail.migrate.restrictions import Restrictions


def write_identity(draft: Draft) -> None:
    """Write the host's name."""
    name = draft.postfix.value("myhostname")
    draft.put(("hostname",), name, "myhostname")
    if fault := complaint({"hostname": name}):
        draft.look("myhostname", fault)
    if not draft.postfix.is_set("myhostname"):
        draft.look(
            "myhostname",
            "main.cf leaves it to the machine: see that this is the full name of the host that mail is for.",
        )
    draft.needless("mydomain", "Its value stands wherever main.cf uses it.")


def write_postmaster(draft: Draft) -> None:
    """Write who gets notices that cannot be delivered themselves."""
    name, classes = "2bounce_notice_recipient", "notify_classes"
    if "2bounce" not in draft.postfix.words(classes):
        draft.needless(name, "Nobody is told of notices that cannot be delivered (notify_classes).")
        draft.needless(
            classes,
            "Operators see what fails in the log, in `mailrail queue` and `mailrail status`; no mail is sent for it.",
        )
        return
    address = draft.postfix.value(name)
    whole = address if "@" in address else f"{address}@{draft.postfix.value('myorigin')}"
    draft.put(("report", "postmaster"), whole, name)
    if fault := complaint({"report": {"postmaster": whole}}):
        draft.drop(("report", "postmaster"))
        draft.look(name, fault)
    draft.look(
        classes,
        "Of these mailrail only tells postmaster of notices that cannot be delivered (report.postmaster).",
    )


def write_outgoing(draft: Draft) -> None:
    """Write from which addresses mail leaves, and which family is tried first."""
    for name, key in (("smtp_bind_address", "source_ipv4"), ("smtp_bind_address6", "source_ipv6")):
        if address := draft.postfix.value(name):
            draft.put(("delivery", key), address.strip("[]"), name)
            if fault := complaint({"delivery": {key: address.strip("[]")}}):
                draft.drop(("delivery", key))
                draft.look(name, fault)
        draft.needless(name, "The system chooses.")
    first = {"ipv4": "4", "ipv6": "6", "any": "any"}.get(draft.postfix.value("smtp_address_preference"))
    if first is None:
        draft.look("smtp_address_preference", "routing.first keeps its default: IPv4 is tried first.")
    elif draft.postfix.is_set("smtp_address_preference"):
        draft.put(("routing", "first"), first, "smtp_address_preference")
    for name in ("lmtp_bind_address", "lmtp_bind_address6", "lmtp_address_preference"):
        draft.needless(name, "Next hops by LMTP are connected to like others.")


def write_networks(draft: Draft, restrictions: Restrictions) -> None:
    """Write relay.networks, where the restrictions let networks relay."""
    services = [None, *restrictions.services]
    if not any(restrictions.lets("permit_mynetworks", service) for service in services):
        for name in ("mynetworks", "mynetworks_style"):
            draft.needless(name, "No list of restrictions lets these networks relay.")
        draft.put(("relay", "networks"), [], "mynetworks")
        return
    subjects = [Subject("mynetworks")] if draft.postfix.is_set("mynetworks") else []
    texts = [draft.postfix.value("mynetworks")] if subjects else []
    for service in restrictions.services:
        if "mynetworks" in service.overrides:
            subjects.append(Subject("mynetworks", service=service.label))
            texts.append(draft.postfix.value("mynetworks", service))
    if len(subjects) > 1:
        draft.look(
            subjects[-1], "Networks may relay at every listener alike: here are those of all lines together."
        )
    if not draft.postfix.is_set("mynetworks"):
        texts.insert(0, _by_style(draft))
        subjects.insert(0, Subject("mynetworks_style"))
    _write(draft, texts, subjects)
    if draft.postfix.is_set("mynetworks"):
        draft.needless("mynetworks_style", "mynetworks stands in its place.")


def _write(draft: Draft, texts: list[str], subjects: list[Subject]) -> None:
    networks: list[str] = []
    for text, subject in zip(texts, subjects, strict=True):
        names = read_names(draft.postfix, text)
        found, others = networks_of(names.names)
        networks += [network for network in found if network not in networks]
        for other in others:
            draft.look(
                Subject(subject.name, other.text, subject.service),
                "Only addresses and networks may relay, not names: write those down.",
            )
        for table in names.unlisted:
            draft.look(
                Subject(subject.name, table.text, subject.service),
                "Networks cannot be listed from here: write them into relay.networks.",
            )
        for path, reason in names.unreadable:
            draft.look(
                Subject(subject.name, path, subject.service),
                f"{path} cannot be read here: {reason}. What is in it is missing.",
            )
    draft.put(("relay", "networks"), networks, *subjects)


def _by_style(draft: Draft) -> str:
    """Return the networks that Postfix would find out by itself, as far as that can be known on another machine."""
    style = draft.postfix.value("mynetworks_style")
    if style != "host":
        words = f"Postfix trusts every network that this host is in (mynetworks_style = {style}). Only loopback is here: add those that should relay."
        draft.look("mynetworks_style", words)
    return "127.0.0.0/8 [::1]/128"
