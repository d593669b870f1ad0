"""Floor 2 · net — Network and Connection: the one room with sockets, and TLS above any Connection.

TLS on a server, in a session that has just written its 220 to STARTTLS (or at once, for implicit TLS):

    tls = TlsConnection.server(connection, contexts)          # contexts = server_context(settings)
    tls.start(self.secured, self.failed, timeout_s=60)        # secured(info: TlsInfo): tls.attach(self)

On a client: `tls, info = await secure(connection, context, server_name, timeout_s=60)`, then `tls.attach(...)`.
"""

from mailrail.net.addresses import is_here, is_own_address
from mailrail.net.api import Connection, Datagrams, Endpoint, Listener, Network, Receiver, TlsInfo
from mailrail.net.binding import end_point_binding
from mailrail.net.certificates import CertificateFacts, certificate_facts, self_signed
from mailrail.net.contexts import ClientCertificates, ServerContexts, client_context, server_context
from mailrail.net.events import AcceptRested
from mailrail.net.handed import Handed, sockets_of_service_manager
from mailrail.net.identity import Identity
from mailrail.net.keyfile import create_private, keep_self_signed, write_private
from mailrail.net.machine import host_name, outgoing_addresses
from mailrail.net.proxied import ProxiedConnection
from mailrail.net.resolve import Resolve, system_resolve
from mailrail.net.secure import secure
from mailrail.net.sessions import SessionCache
from mailrail.net.settings import CertificateFiles, NetSettings, TlsSettings
from mailrail.net.sockets import SocketNetwork, open_listening
from mailrail.net.tls import TlsConnection
from mailrail.net.trouble import listening_mend

__all__ = [
    "AcceptRested",
    "CertificateFacts",
    "CertificateFiles",
    "ClientCertificates",
    "Connection",
    "Datagrams",
    "Endpoint",
    "Handed",
    "Identity",
    "Listener",
    "NetSettings",
    "Network",
    "ProxiedConnection",
    "Receiver",
    "Resolve",
    "ServerContexts",
    "SessionCache",
    "SocketNetwork",
    "TlsConnection",
    "TlsInfo",
    "TlsSettings",
    "certificate_facts",
    "client_context",
    "create_private",
    "end_point_binding",
    "host_name",
    "is_here",
    "is_own_address",
    "keep_self_signed",
    "listening_mend",
    "open_listening",
    "outgoing_addresses",
    "secure",
    "self_signed",
    "server_context",
    "sockets_of_service_manager",
    "system_resolve",
    "write_private",
]
