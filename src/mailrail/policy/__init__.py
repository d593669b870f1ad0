"""Floor 3 · policy — may it pass: the decisions about a session, a sender, a recipient."""

from mailrail.policy.buckets import Buckets, Limit, Poured
from mailrail.policy.guessing import Guessing, Tried
from mailrail.policy.members import Member, Members
from mailrail.policy.priority import PriorityRight
from mailrail.policy.quotas import Quotas
from mailrail.policy.relay import RelayRules, Verdict
from mailrail.policy.senders import Rights, rights_of
from mailrail.policy.settings import AmountSettings, GuessingSettings, QuotaSettings, SubmissionSettings

__all__ = [
    "AmountSettings",
    "Buckets",
    "Guessing",
    "GuessingSettings",
    "Limit",
    "Member",
    "Members",
    "Poured",
    "PriorityRight",
    "QuotaSettings",
    "Quotas",
    "RelayRules",
    "Rights",
    "SubmissionSettings",
    "Tried",
    "Verdict",
    "rights_of",
]
