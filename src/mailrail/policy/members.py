"""Floor 3 · policy — somebody who has logged in: as whom, and how much, may be sent."""

from collections.abc import Collection

from mailrail.directory import User
from mailrail.model import Address, Reply
from mailrail.policy.quotas import Quotas
from mailrail.policy.senders import rights_of
from mailrail.policy.settings import SubmissionSettings


class Member:
    """One user in one session."""

    def __init__(
        self, user: User, settings: SubmissionSettings, quotas: Quotas, domains: Collection[str]
    ) -> None:
        self._user = user
        self._settings = settings
        self._quotas = quotas
        self._rights = rights_of(user, domains)

    def judge_mail(self, sender: Address | None) -> Reply | None:
        """Return why no message from *sender* is taken, or None."""
        refusal = self._rights.judge_sender(sender) if self._settings.check_sender else None
        return refusal or self._quotas.judge_message(self._user)

    def judge_recipients(self, count: int) -> Reply | None:
        """Return why a message may not have *count* recipients, or None."""
        return self._quotas.judge_recipients(self._user, count)

    def judge_authors(self, header: bytes) -> Reply | None:
        """Return why a header section is refused, or None."""
        return self._rights.judge_authors(header) if self._settings.check_from else None

    def count(self, recipients: int) -> None:
        """Count a message that begins to come."""
        self._quotas.count(self._user, recipients)

    def explain(self) -> list[str]:
        """Say in words as whom, and how much, may be sent."""
        lines = [self._rights.explain()]
        if not self._settings.check_sender:
            lines.append("but the envelope's sender is not checked: submission.check_sender = false")
        if not self._settings.check_from:
            lines.append("but From and Sender are not checked: submission.check_from = false")
        return lines + self._quotas.explain(self._user)


class Members:
    """Makes them.

    Args:
        settings: what is checked.
        quotas: what is left to whom.
        domains: our own, canonical.
    """

    def __init__(self, settings: SubmissionSettings, quotas: Quotas, domains: Collection[str]) -> None:
        self._settings = settings
        self._quotas = quotas
        self._domains = frozenset(domains)

    def member(self, user: User) -> Member:
        """Return what *user* may."""
        return Member(user, self._settings, self._quotas, self._domains)
