"""Floor 2 · net — Network and Connection: the one room with sockets."""

from mailrail.net.api import Connection, Datagrams, Endpoint, Listener, Network, Receiver, TlsInfo

__all__ = ["Connection", "Datagrams", "Endpoint", "Listener", "Network", "Receiver", "TlsInfo"]
