"""Floor 2 · dns — own UDP and TCP transport on dnspython's codec, with a cache."""

from mailrail.dns.api import Answer, Mx, Resolver, ResolverDownError
from mailrail.dns.events import ResolversBack, ResolversSilent
from mailrail.dns.resolver import DnsResolver
from mailrail.dns.settings import DnsSettings

__all__ = [
    "Answer",
    "DnsResolver",
    "DnsSettings",
    "Mx",
    "Resolver",
    "ResolverDownError",
    "ResolversBack",
    "ResolversSilent",
]
