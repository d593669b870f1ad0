"""Floor 3 · policy — how much a user, and all users of a domain, may send: messages and recipients, an hour and a day.

Counts leak evenly (`buckets.py`), so who is over need not wait for midnight, and is told when. Counted is what a client begins to send; what is
then refused was work all the same.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailrail.directory import User
from mailrail.model import Reply
from mailrail.model import reply as say
from mailrail.policy.buckets import DAY_S, HOUR_S, Buckets, Limit
from mailrail.policy.settings import QuotaSettings

PREFIX: Final = "quota"


@dataclass(frozen=True, slots=True)
class _Quota:
    """One limit of one user or domain."""

    key: str
    limit: Limit
    who: str

    def words(self, what: str) -> str:
        """Say the limit."""
        span = "an hour" if self.limit.span_s == HOUR_S else "a day"
        return f"{self.who} may send {self.limit.most:.0f} {what} {span}"


class Quotas:
    """Knows what is left."""

    def __init__(self, settings: QuotaSettings, buckets: Buckets) -> None:
        self._settings = settings
        self._buckets = buckets

    def judge_message(self, user: User) -> Reply | None:
        """Return why no further message is taken from *user* now, or None."""
        return self._judge(user, "messages", 1)

    def judge_recipients(self, user: User, count: int) -> Reply | None:
        """Return why a message may not have *count* recipients now, or None."""
        return self._judge(user, "recipients", count)

    def count(self, user: User, recipients: int) -> None:
        """Count a message."""
        for what, amount in (("messages", 1), ("recipients", recipients)):
            for quota in self._quotas(user, what):
                self._buckets.pour(quota.key, quota.limit, amount)

    def explain(self, user: User) -> list[str]:
        """Say in words how much *user* may send."""
        kinds = ("messages", "recipients")
        lines = [quota.words(what) for what in kinds for quota in self._quotas(user, what)]
        return lines or [f"no quota limits {user.name}"]

    def _judge(self, user: User, what: str, amount: int) -> Reply | None:
        for quota in self._quotas(user, what):
            wait_s = self._buckets.wait_s(quota.key, quota.limit, amount)
            if wait_s:
                reply = say.OVER_QUOTA if what == "messages" else say.OVER_RECIPIENT_QUOTA
                minutes = math.ceil(wait_s / 60)
                return reply.with_text(f"{quota.words(what)}; try again in {minutes} minutes")
        return None

    def _quotas(self, user: User, what: str) -> Iterator[_Quota]:
        domain = user.name.rpartition("@")[2] if "@" in user.name else ""
        for span, span_s in (("hour", HOUR_S), ("day", DAY_S)):
            key = f"{what}_per_{span}"
            most = user.quotas.get(key, getattr(self._settings.user, key))
            if most:
                yield _Quota(f"{PREFIX} user {user.name} {key}", Limit(most, span_s), user.name)
            together = getattr(self._settings.domain, key)
            if domain and together:
                yield _Quota(f"{PREFIX} domain {domain} {key}", Limit(together, span_s), f"All of {domain}")
