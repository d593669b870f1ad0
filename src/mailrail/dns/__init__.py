"""Floor 2 · dns — own UDP and TCP transport on dnspython's codec, with a cache."""

from mailrail.dns.api import Answer, Mx, Resolver, ResolverDownError

__all__ = ["Answer", "Mx", "Resolver", "ResolverDownError"]
