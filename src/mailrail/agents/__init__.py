"""Floor 4 · agents — the last station on this machine: mailboxes, programs, and whatever else takes a message for good."""

from mailrail.agents.accounts import Account, NoAccountError
from mailrail.agents.carrier import AgentCarrier
from mailrail.agents.courier import RESERVED, AgentCourier, check_agent
from mailrail.agents.files import Mailbox, find_mailbox
from mailrail.agents.function import HandedOver
from mailrail.agents.identity import Identity, NotAllowedError, system_identity
from mailrail.agents.settings import BUILT_IN, AgentSettings, Kind, all_agents

__all__ = [
    "BUILT_IN",
    "RESERVED",
    "Account",
    "AgentCarrier",
    "AgentCourier",
    "AgentSettings",
    "HandedOver",
    "Identity",
    "Kind",
    "Mailbox",
    "NoAccountError",
    "NotAllowedError",
    "all_agents",
    "check_agent",
    "find_mailbox",
    "system_identity",
]
