"""Floor 4 · agents — the last station on this machine: mailboxes, programs, and whatever else takes a message for good."""

from mailrail.agents.accounts import Account
from mailrail.agents.carrier import AgentCarrier
from mailrail.agents.courier import RESERVED, AgentCourier
from mailrail.agents.identity import Identity, system_identity
from mailrail.agents.settings import BUILT_IN, AgentSettings, Kind, all_agents

__all__ = [
    "BUILT_IN",
    "RESERVED",
    "Account",
    "AgentCarrier",
    "AgentCourier",
    "AgentSettings",
    "Identity",
    "Kind",
    "all_agents",
    "system_identity",
]
