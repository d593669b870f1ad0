"""Floor 5 · daemon — the listening sockets that are opened once and handed down, or come from a service manager."""

import contextlib
import os
import socket
from collections.abc import Iterable

from mailrail.config import MailrailSettings
from mailrail.model import SettingsError
from mailrail.net import Endpoint, open_listening, sockets_of_service_manager

Sockets = list[tuple[Endpoint, socket.socket]]


def passed(settings: MailrailSettings) -> Sockets:
    """Return the sockets that a service manager has opened for our listeners.

    Raises:
        NetError: one cannot listen.
        SettingsError: one is for no listener.
    """
    sockets = sockets_of_service_manager(os.environ, os.getpid(), settings.net.backlog)
    listeners = {listener.endpoint for listener in settings.listener}
    for endpoint, _ in sockets:
        if endpoint not in listeners:
            raise SettingsError(
                f"the service manager passes a socket for {endpoint}, and no [[listener]] has this address"
            )
    return sockets


def opened(settings: MailrailSettings, already: Iterable[Endpoint]) -> Sockets:
    """Open a socket for each listener that has none *already*.

    Raises:
        NetError: an address is taken, forbidden or not ours.
    """
    known, backlog = set(already), settings.net.backlog
    return [
        (listener.endpoint, open_listening(listener.endpoint, backlog))
        for listener in settings.listener
        if listener.endpoint not in known
    ]


def put_away(sockets: Sockets) -> None:
    """Close what `opened` has made, the files of Unix sockets with it."""
    for endpoint, sock in sockets:
        sock.close()
        if endpoint.is_unix:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(endpoint.host)
