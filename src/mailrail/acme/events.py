"""Floor 3 · acme — the facts of a renewal."""

from typing import ClassVar

from mailrail.observe import Event, Level


class CertificateObtained(Event, frozen=True, kw_only=True):
    """A certificate was fetched by ACME.

    Attributes:
        names: what it is for.
        file: where it and its key are kept.
        ends: the day when it is over.
    """

    names: tuple[str, ...]
    file: str
    ends: str


class CertificateNotObtained(Event, frozen=True, kw_only=True):
    """A certificate could not be fetched by ACME; what was in force still is.

    Attributes:
        names: what it was to be for.
        reason: the step that failed, and why.
        wait_s: until it is tried again; 0 when an operator asked for it.
    """

    level: ClassVar[Level] = Level.ERROR
    names: tuple[str, ...]
    reason: str
    wait_s: float = 0.0


class ProofNotHidden(Event, frozen=True, kw_only=True):
    """The hook that takes a TXT record away again failed; the record does no harm.

    Attributes:
        reason: what it said.
    """

    level: ClassVar[Level] = Level.WARNING
    reason: str
