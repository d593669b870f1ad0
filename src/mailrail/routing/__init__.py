"""Floor 3 · routing — where to next."""

from mailrail.routing.api import Host, Login, Plan, Route, Router, TlsLevel

__all__ = ["Host", "Login", "Plan", "Route", "Router", "TlsLevel"]
