"""Floor 2 · tables.ldap — LDAP (RFC 4511): the little of it that looking things up and logging in need.

There is no library to lean on: ldap3 has had no release since 2021, sansldap one, in 2023, and bonsai and python-ldap are C that everybody would have
to compile. What we need is bind, search and StartTLS; it stands on our own network and our own TLS, so that it is verified, bounded and simulated like
all else.
"""

from mailrail.tables.ldap.dn import escape_value
from mailrail.tables.ldap.filters import SearchFilter
from mailrail.tables.ldap.links import LdapServers, ldap_links
from mailrail.tables.ldap.messages import Entry, Scope, Search
from mailrail.tables.ldap.opening import ldap_servers, open_ldap
from mailrail.tables.ldap.session import Session
from mailrail.tables.ldap.settings import LdapServerSettings, LdapTableSettings
from mailrail.tables.ldap.table import LdapTable

__all__ = [
    "Entry",
    "LdapServerSettings",
    "LdapServers",
    "LdapTable",
    "LdapTableSettings",
    "Scope",
    "Search",
    "SearchFilter",
    "Session",
    "escape_value",
    "ldap_links",
    "ldap_servers",
    "open_ldap",
]
