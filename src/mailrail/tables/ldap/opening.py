"""Floor 2 · tables.ldap — from the settings of a directory to what can be asked."""

from mailrail.net import Network, Resolve, client_context
from mailrail.tables.ldap.filters import SearchFilter
from mailrail.tables.ldap.links import LdapPlace, LdapServers, ldap_links
from mailrail.tables.ldap.messages import Search
from mailrail.tables.ldap.settings import KEY_HOLES, LdapServerSettings, LdapTableSettings
from mailrail.tables.ldap.table import LdapTable
from mailrail.tables.queries import MOST_ROWS
from mailrail.tables.secretfile import read_secret


def ldap_servers(
    settings: LdapServerSettings, network: Network, resolve: Resolve, timeout_s: float
) -> LdapServers:
    """Return how the directory of *settings* is reached. Blocks; connects nowhere.

    Raises:
        SettingsError: a file cannot be used.
    """
    file = settings.password_file
    return LdapServers(
        places=tuple(map(LdapPlace.parse, settings.servers)),
        network=network,
        resolve=resolve,
        tls=client_context(verify=True, ca_file=settings.ca_file),
        is_clear=settings.in_clear,
        bind_dn=settings.bind_dn,
        password="" if file is None else read_secret(file, "password_file"),
        timeout_s=timeout_s,
    )


def open_ldap(settings: LdapTableSettings, network: Network, resolve: Resolve) -> LdapTable:
    """Return the table. Blocks; connects nowhere yet.

    Raises:
        SettingsError: a file or the filter cannot be used.
    """
    servers = ldap_servers(settings, network, resolve, settings.timeout_s)
    return LdapTable(
        ldap_links(servers, is_for_search=True),
        Search(settings.base, settings.scope, b"", settings.attributes, MOST_ROWS),
        SearchFilter(settings.filter, KEY_HOLES),
        str(servers),
    )
