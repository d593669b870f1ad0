"""Floor 3 · policy — whoever guesses passwords (A35): each failure is answered later, and after many nobody listens.

Three counts leak as `buckets.py` says: of a client's address (of IPv6 its /64), of its network (/24, /48), and of the account that it names,
whether that exists or not. A full one locks: the client is sent away, or the account answers "later" whatever the password. Locked tries count
for nothing, so a lock ends by itself.

- Who could lock others out by failing in their name? Nobody: a network from which an account has logged in of late has a count of its own for it.
- A telephone with an old password says the same wrong thing for days. It counts once an hour, not each time; that takes a digest of what was
  tried, under a key that only this process and its fellow workers know.
- Networks of ours are exempt: behind them are many people and one webmail.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from mailrail.model import Rng
from mailrail.policy.buckets import DAY_S, HOUR_S, Buckets, Limit
from mailrail.policy.settings import GuessingSettings

_KNOWN: Final = Limit(1, 30 * DAY_S)  # how long a network stays one from which an account logs in
_SAME: Final = Limit(1, HOUR_S)
_KEY_OCTETS: Final = 32
PREFIX: Final = "guess"


@dataclass(frozen=True, slots=True)
class Tried:
    """One try to log in.

    Attributes:
        client: its IP address, or the path of its Unix socket.
        account: the name that it gave, in the spelling of `login_name`; "" for none.
        digest: what stands for the very thing that was tried; "" where that is not known.
    """

    client: str
    account: str = ""
    digest: str = ""


class Guessing:
    """Counts failures, and knows who is locked out.

    Args:
        settings: how many.
        buckets: where they are counted.
        rng: draws the key of digests.
        trusted: networks that are never locked out, beside those of the settings.
        key: of digests, where several processes must agree on them.
    """

    def __init__(
        self,
        settings: GuessingSettings,
        buckets: Buckets,
        rng: Rng,
        trusted: Sequence[IPv4Network | IPv6Network] = (),
        key: bytes = b"",
    ) -> None:
        self.settings = settings
        self._buckets = buckets
        self._exempt = (*trusted, *settings.exempt)
        self._key = key or rng.getrandbits(8 * _KEY_OCTETS).to_bytes(_KEY_OCTETS, "big")
        self._of_client = Limit(settings.client_failures, settings.span_s)
        self._of_network = Limit(settings.network_failures, settings.span_s)
        self._of_account = Limit(settings.account_failures, settings.span_s)

    def digest(self, *parts: str) -> str:
        """Return what stands for *parts*, which may be secret."""
        return hmac.digest(self._key, "\0".join(parts).encode("utf-8", "replace"), "sha256").hex()[:32]

    def is_exempt(self, client: str) -> bool:
        """Tell whether *client* is never locked out."""
        try:
            address = ip_address(client)
        except ValueError:
            return True  # a Unix socket: whoever may open it was let in by its mode
        return any(address.version == net.version and address in net for net in self._exempt)

    def client_wait_s(self, client: str) -> float:
        """Return how long *client* is locked out, 0 if it is not."""
        if self.is_exempt(client):
            return 0.0
        host, network = networks_of(client)
        return max(
            self._buckets.wait_s(f"{PREFIX} client {host}", self._of_client),
            self._buckets.wait_s(f"{PREFIX} network {network}", self._of_network),
        )

    def account_wait_s(self, tried: Tried) -> float:
        """Return how long the account is locked for this client, 0 if it is not."""
        if not tried.account or self.is_exempt(tried.client):
            return 0.0
        return self._buckets.wait_s(self._account_key(tried), self._of_account)

    def failed(self, tried: Tried) -> float:
        """Count a failure; return how late, after it was asked, it is to be answered (seconds)."""
        if self._is_repeated(tried):
            return self.settings.first_delay_s
        if self.is_exempt(tried.client):
            return self.settings.first_delay_s
        host, network = networks_of(tried.client)
        key = f"{PREFIX} client {host}"
        self._buckets.pour(key, self._of_client)
        self._buckets.pour(f"{PREFIX} network {network}", self._of_network)
        if tried.account:
            self._buckets.pour(self._account_key(tried), self._of_account)
        doublings = min(self._buckets.level(key, self._of_client) - 1, 30)
        return float(min(self.settings.first_delay_s * 2.0**doublings, self.settings.longest_delay_s))

    def _is_repeated(self, tried: Tried) -> bool:
        if not tried.digest:
            return False
        key = f"{PREFIX} same {tried.client} {tried.digest}"
        if self._buckets.level(key, _SAME):
            return True
        self._buckets.pour(key, _SAME)
        return False

    def succeeded(self, tried: Tried) -> None:
        """Remember that the account logs in from this network."""
        key = self._known_key(tried)
        if self._buckets.level(key, _KNOWN) < 0.9:  # not a change for each login
            self._buckets.empty(key)
            self._buckets.pour(key, _KNOWN)

    def unlock(self, name: str) -> int:
        """Forget the failures of a client address, a network or an account; return how many counts there were."""
        count = self._buckets.empty(f"{PREFIX} account {name} ")
        try:
            host, network = networks_of(str(ip_network(name).network_address))
        except ValueError:
            return count
        keys = (f"{PREFIX} client {host}", f"{PREFIX} network {network}")
        return count + sum(map(self._buckets.empty, keys))

    def _account_key(self, tried: Tried) -> str:
        """Return the count for this account: its own for a network that it logs in from."""
        is_known = self._buckets.level(self._known_key(tried), _KNOWN) > 0
        where = networks_of(tried.client)[1] if is_known else "elsewhere"
        return f"{PREFIX} account {tried.account} {where}"

    def _known_key(self, tried: Tried) -> str:
        return f"{PREFIX} known {tried.account} {networks_of(tried.client)[1]}"


def networks_of(client: str) -> tuple[str, str]:
    """Return what counts as one client, and as one network: address and /24, or /64 and /48; a socket is its own."""
    try:
        address = ip_address(client)
    except ValueError:
        return client, client
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.version == 4:
        return str(address), str(ip_network(f"{address}/24", strict=False))
    return tuple(str(ip_network(f"{address}/{bits}", strict=False)) for bits in (64, 48))  # type: ignore[return-value]
