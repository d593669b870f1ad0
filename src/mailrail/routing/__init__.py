"""Floor 3 · routing — where to next."""

from mailrail.model import Login, TlsLevel
from mailrail.routing.api import Host, Plan, Route, Router

__all__ = ["Host", "Login", "Plan", "Route", "Router", "TlsLevel"]
