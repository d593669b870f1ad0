"""Floor 3 · policy — the relay rule: mail for our domains from anybody, for the rest from those who may.

Out of the box nobody may (RFC 5321 §3.6.2, §7.9). The rule looks at the address only after the one
strict parser has read it; a local part that another server might read as a further address
(`user%elsewhere@ours`, `elsewhere!user@ours`, `"user@elsewhere"@ours`) is refused to strangers
whole, whatever the domain behind it (A31).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from mailrail.model import ROLE_MAILBOXES, Address, Reply, show_domain
from mailrail.model import reply as say

_SECOND_ADDRESS: Final = frozenset("@%!:/")
KNOWN_CLIENTS: Final = 10_000  # remembered, so that a client's next session need not be compared again


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says.

    Attributes:
        refusal: the reply to refuse with, or None to let pass.
        reason: which rule decided, in words for `explain` and the log.
    """

    refusal: Reply | None
    reason: str


class RelayRules:
    """Decides about one recipient.

    Args:
        networks: clients that may relay without a login.
        domains: domains we take mail for, canonical.
    """

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network], domains: Collection[str]) -> None:
        self._networks = tuple(networks)
        self._domains = frozenset(domains)
        self._known: dict[str, bool] = {}
        self._trusted = Verdict(None, "the client may relay")
        self._ours = Verdict(None, "the domain is one of ours")
        self._foreign = Verdict(
            say.RELAY_DENIED,
            "the domain is not one of ours, and the client is neither logged in nor in relay.networks",
        )
        self._hidden = Verdict(
            say.RELAY_DENIED.with_text("Relaying denied: the local part holds another address"),
            "the local part holds @, %, !, : or /, which the next server might read as another address",
        )

    def is_ours(self, domain: str) -> bool:
        """Tell whether we take mail for *domain*."""
        return domain in self._domains

    def network_of(self, client: str) -> IPv4Network | IPv6Network | None:
        """Return the network in `relay.networks` that holds the address *client*, or None."""
        try:
            address = ip_address(client)
        except ValueError:
            return None
        for network in self._networks:
            if network.version == address.version and address in network:
                return network
        return None

    def may_relay(self, client: str, user: str = "") -> bool:
        """Tell whether *client* may send anywhere; asked once for each session."""
        if user:
            return True
        known = self._known.get(client)
        if known is None:
            if len(self._known) >= KNOWN_CLIENTS:
                self._known.clear()
            known = self._known[client] = self.network_of(client) is not None
        return known

    def decide(self, recipient: Address, *, may_relay: bool) -> Verdict:
        """Decide whether mail for *recipient* is taken."""
        if may_relay:
            return self._trusted
        if not recipient.domain:
            return Verdict(None, "the bare <Postmaster> is always taken")
        if recipient.domain not in self._domains:
            return self._foreign
        if recipient.local_part.lower() not in ROLE_MAILBOXES and not _SECOND_ADDRESS.isdisjoint(
            recipient.local_part
        ):
            return self._hidden
        return self._ours

    def explain(self, recipient: Address, client: str, user: str = "") -> list[str]:
        """Say in words how the decision about *recipient* comes about."""
        network = self.network_of(client)
        lines = []
        if user:
            lines.append(f"{user} is logged in and may send anywhere")
        elif network is not None:
            lines.append(f"{client} is in {network} of relay.networks and may send anywhere")
        else:
            lines.append(f"{client or 'a stranger'} is not in relay.networks")
        verdict = self.decide(recipient, may_relay=self.may_relay(client, user))
        answer = "taken" if verdict.refusal is None else f"refused with {verdict.refusal}"
        lines.append(f"mail for {show_domain(recipient.domain)} is {answer}: {verdict.reason}")
        return lines
