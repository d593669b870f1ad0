"""Floor 1 · sasl — the client's side of SASL mechanisms (RFC 4422), as small objects without I/O.

A mechanism is made anew for each exchange and never reused (CVE-2011-1720). PLAIN and LOGIN
hand the password over in the clear: the caller sends them under TLS only.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from mailrail.model import LocalProtocolError, RemoteProtocolError


class ClientMechanism(Protocol):
    """One exchange.

    Attributes:
        name: as it stands behind AUTH.
        is_plain: it shows the password to whoever listens.
    """

    name: str
    is_plain: bool

    def start(self) -> bytes | None:
        """Return the initial response, or None when the server speaks first."""
        ...

    def step(self, challenge: bytes) -> bytes:
        """Return the response to a challenge.

        Raises:
            RemoteProtocolError: the challenge makes no sense; cancel the exchange.
        """
        ...


class Plain:
    """PLAIN: everything in one message (RFC 4616)."""

    name = "PLAIN"
    is_plain = True

    def __init__(self, user: str, password: str) -> None:
        """Take the credentials.

        Raises:
            LocalProtocolError: one is empty or contains NUL (RFC 4616 §2).
        """
        if not user or not password or "\0" in user + password:
            raise LocalProtocolError("user and password may be neither empty nor contain NUL (RFC 4616 §2)")
        self._message = f"\0{user}\0{password}".encode()
        self._has_repeated = False

    def start(self) -> bytes | None:
        """Return the one message; the authorisation identity is left to the server."""
        return self._message

    def step(self, challenge: bytes) -> bytes:
        """Return the message, once more, to a server that did not take it as initial response.

        Raises:
            RemoteProtocolError: a real challenge, or a second one.
        """
        # LENIENT: seen from servers that ignore initial responses and ask with an empty challenge.
        if challenge or self._has_repeated:
            raise RemoteProtocolError("PLAIN has no challenges (RFC 4616 §2)")
        self._has_repeated = True
        return self._message


class Login:
    """LOGIN: the user, then the password; never standardised, still the only one that some offer.

    Source: draft-murchison-sasl-login-00.
    """

    name = "LOGIN"
    is_plain = True

    def __init__(self, user: str, password: str) -> None:
        self._answers = [user.encode(), password.encode()]

    def start(self) -> bytes | None:
        """Let the server ask."""
        return None

    def step(self, challenge: bytes) -> bytes:
        """Return the user first, the password second, whatever the words of the prompt."""
        if not self._answers:
            raise RemoteProtocolError("LOGIN has two challenges, this is the third")
        return self._answers.pop(0)


_MECHANISMS: Final = (Plain, Login)  # best first


def choose(offered: Sequence[str], user: str, password: str) -> ClientMechanism | None:
    """Return a fresh exchange by the best mechanism that the server offers, or None.

    Args:
        offered: names in capitals, as in the reply to EHLO.
    """
    for mechanism in _MECHANISMS:
        if mechanism.name in offered:
            return mechanism(user, password)
    return None
