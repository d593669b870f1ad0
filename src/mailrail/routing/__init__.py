"""Floor 3 · routing — where to next: rules of the settings first, then the DNS."""

from mailrail.model import Login, TlsLevel
from mailrail.routing.api import Host, Plan, Route, Router, TlsFiles
from mailrail.routing.explain import explain_plan, explain_route
from mailrail.routing.next_hop import NextHop, parse_next_hop
from mailrail.routing.router import SettingsRouter
from mailrail.routing.settings import (
    DomainRoute,
    HopSettings,
    LoginSettings,
    RouteSettings,
    RoutingRules,
    RoutingSettings,
)

__all__ = [
    "DomainRoute",
    "HopSettings",
    "Host",
    "Login",
    "LoginSettings",
    "NextHop",
    "Plan",
    "Route",
    "RouteSettings",
    "Router",
    "RoutingRules",
    "RoutingSettings",
    "SettingsRouter",
    "TlsFiles",
    "TlsLevel",
    "explain_plan",
    "explain_route",
    "parse_next_hop",
]
