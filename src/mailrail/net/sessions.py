"""Floor 2 · net — TLS sessions to take up again: the next handshake with a host costs no signature."""

import ssl
from collections import OrderedDict
from typing import Final

_HOSTS: Final = 1000  # a session takes about 2 to 6 KiB


class SessionCache:
    """The last session of each host name, the longest unused forgotten first.

    A session is only given out for the context that made it: what was not verified
    once is never taken for verified.
    """

    def __init__(self, hosts: int = _HOSTS) -> None:
        self._hosts = hosts
        self._sessions: OrderedDict[tuple[int, str], tuple[ssl.SSLContext, ssl.SSLSession]] = OrderedDict()

    def get(self, context: ssl.SSLContext, server_name: str | None) -> ssl.SSLSession | None:
        """Return the session to resume with, or None."""
        key = (id(context), server_name or "")  # the entry holds the context, so its id is not used again
        entry = self._sessions.get(key)
        if entry is None:
            return None
        self._sessions.move_to_end(key)
        return entry[1]

    def put(self, context: ssl.SSLContext, server_name: str | None, session: ssl.SSLSession | None) -> None:
        """Keep *session* if it can be resumed; nameless peers are not remembered."""
        if session is None or not session.has_ticket or not server_name:
            return
        key = (id(context), server_name)
        self._sessions[key] = (context, session)
        self._sessions.move_to_end(key)
        if len(self._sessions) > self._hosts:
            self._sessions.popitem(last=False)
