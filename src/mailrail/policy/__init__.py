"""Floor 3 · policy — may it pass: the decisions about a session, a sender, a recipient."""

from mailrail.policy.relay import RelayRules, Verdict

__all__ = ["RelayRules", "Verdict"]
