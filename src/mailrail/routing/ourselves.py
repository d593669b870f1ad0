"""Floor 3 · routing — is that host this server itself?

Mail handed to oneself goes round for ever (RFC 5321 §5.1, A53). A fixed next hop is compared
with its port, so that two servers may live on one machine.
"""

from collections.abc import Callable, Iterable
from ipaddress import IPv6Address, ip_address

from mailrail.net import Endpoint

_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, never bound


class Ourselves:
    """The names we go by and the endpoints at which we take mail.

    Args:
        names: lower-case A-labels.
        endpoints: as bound; a wildcard address stands for every address of this machine.
        is_own_address: tells whether an address is this machine's; asked for no loopback address.
    """

    def __init__(
        self, names: Iterable[str], endpoints: Iterable[Endpoint], is_own_address: Callable[[str], bool]
    ) -> None:
        self._is_own_address = is_own_address
        self._names = frozenset(name.lower() for name in names)
        self._endpoints = frozenset(endpoints)
        self._open_ports = frozenset(endpoint.port for endpoint in self._endpoints if endpoint.host in _ANY)

    def has_name(self, host: str) -> bool:
        """Tell whether *host* is a name of ours."""
        return host in self._names

    def has_endpoint(self, endpoint: Endpoint) -> bool:
        """Tell whether whoever connects to *endpoint* reaches us."""
        if endpoint in self._endpoints:
            return True
        if endpoint.port == 0:
            return False
        address = ip_address(endpoint.host)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            return self.has_endpoint(Endpoint(str(address.ipv4_mapped), endpoint.port))
        if endpoint.port not in self._open_ports:
            return False
        return address.is_loopback or address.is_unspecified or self._is_own_address(endpoint.host)
