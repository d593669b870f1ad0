"""Floor 3 · policy — may it pass: the decisions about a session, a sender, a recipient."""

from mailrail.policy.buckets import Buckets, Limit
from mailrail.policy.guessing import Guessing, Tried
from mailrail.policy.relay import RelayRules, Verdict
from mailrail.policy.settings import GuessingSettings

__all__ = ["Buckets", "Guessing", "GuessingSettings", "Limit", "RelayRules", "Tried", "Verdict"]
