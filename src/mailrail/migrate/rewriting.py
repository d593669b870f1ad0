"""Floor 5 · migrate — what people are called: canonical maps and masquerading; and who may hand in mail on this machine."""

from typing import Final

from mailrail.config import complaint
from mailrail.migrate.draft import Draft
from mailrail.migrate.postfix import defaults
from mailrail.migrate.report import Subject
from mailrail.migrate.table_book import TableBook

# What is asked first comes first, as in cleanup(8).
_MAPS: Final = (
    ("sender", ("sender_canonical_maps", "canonical_maps")),
    ("recipient", ("recipient_canonical_maps", "canonical_maps")),
)
_CLASSES: Final = (
    "canonical_classes",
    "sender_canonical_classes",
    "recipient_canonical_classes",
    "masquerade_classes",
)
_ANYONE: Final = "static:anyone"


def write_rewriting(draft: Draft, tables: TableBook) -> None:
    """Write [canonical]."""
    for key, names in _MAPS:
        found: list[str] = []
        subjects: list[Subject] = []
        for name in names:
            for table in draft.postfix.tables(name):
                if own := tables.name_of(table, name):
                    found.append(own)
                    subjects.append(Subject(name))
        if found:
            draft.put(("canonical", key), found, *dict.fromkeys(subjects))
    for name in ("canonical_maps", "sender_canonical_maps", "recipient_canonical_maps"):
        draft.needless(name, "It names nothing.")
    _write_masks(draft)
    for name in _CLASSES:
        if draft.postfix.words(name) != defaults()[name].replace(",", " ").split():
            words = "canonical.sender counts for senders, canonical.recipient for recipients, each in envelope and header (canonical.header)."
            draft.look(name, words)
        else:
            draft.needless(name, "Envelope and header are rewritten alike.")


def _write_masks(draft: Draft) -> None:
    for name, key in (("masquerade_domains", "masquerade"), ("masquerade_exceptions", "masquerade_except")):
        words = draft.postfix.words(name)
        if not words:
            draft.needless(name, "It names nothing.")
        elif fault := complaint({"canonical": {key: words}}):
            draft.look(name, f"It cannot be taken over as it is: {fault}.")
        else:
            draft.put(("canonical", key), words, name)


def write_maildrop(draft: Draft) -> None:
    """Write who may hand in mail by sendmail, and which domain completes names."""
    name = "authorized_submit_users"
    allowed = draft.postfix.words(name)
    if allowed and allowed != [_ANYONE]:
        people = [word for word in allowed if word.replace("-", "").replace("_", "").isalnum()]
        # Without a name the list would mean everybody.
        draft.put(("maildrop", "access"), "everyone" if people else "owner", name)
        if people:
            draft.put(("maildrop", "users"), people, name)
        if len(people) < len(allowed):
            draft.look(name, "Only names of users can be taken over: see maildrop.access and users.")
    else:
        draft.put(("maildrop", "access"), "everyone" if allowed else "nobody", name)
    origin = draft.postfix.value("myorigin")
    if (
        origin
        and origin != draft.postfix.value("myhostname")
        and not complaint({"maildrop": {"origin": origin}})
    ):
        draft.put(("maildrop", "origin"), origin, "myorigin")
    draft.needless("myorigin", "Names without a domain are completed with hostname (maildrop.origin).")
