"""Floor 1 · sasl — the client's side of PLAIN, LOGIN and EXTERNAL.

A mechanism is made anew for each exchange and never reused (CVE-2011-1720). PLAIN and LOGIN hand the
password over, and others are easier to attack by who listens: the caller begins no exchange without TLS.
"""

from typing import Protocol

from mailrail.model import LocalProtocolError, RemoteProtocolError


class ClientMechanism(Protocol):
    """One exchange.

    Attributes:
        name: as it stands behind AUTH.
        is_complete: a success may be believed: whatever the server had to prove, it has proved.
    """

    name: str
    is_complete: bool

    def start(self) -> bytes | None:
        """Return the initial response, or None when the server speaks first."""
        ...

    def step(self, challenge: bytes) -> bytes:
        """Return the response to a challenge; may compute for a while.

        Raises:
            RemoteProtocolError: the challenge makes no sense; cancel the exchange.
        """
        ...


class _OneMessage:
    """The message of a mechanism that has just one.

    Args:
        no_challenges: what to say of a server that challenges.
    """

    def __init__(self, message: bytes, no_challenges: str) -> None:
        self.message = message
        self._no_challenges = no_challenges
        self._has_repeated = False

    def again(self, challenge: bytes) -> bytes:
        """Return it, once more, to a server that did not take it as initial response.

        Raises:
            RemoteProtocolError: a real challenge, or a second one.
        """
        # LENIENT: seen from servers that ignore initial responses and ask with an empty challenge.
        if challenge or self._has_repeated:
            raise RemoteProtocolError(self._no_challenges)
        self._has_repeated = True
        return self.message


class Plain:
    """PLAIN: everything in one message (RFC 4616)."""

    name = "PLAIN"
    is_complete = True

    def __init__(self, user: str, password: str) -> None:
        """Take the credentials.

        Raises:
            LocalProtocolError: one is empty or contains NUL (RFC 4616 §2).
        """
        if not user or not password or "\0" in user + password:
            raise LocalProtocolError("user and password may be neither empty nor contain NUL (RFC 4616 §2)")
        self._said = _OneMessage(f"\0{user}\0{password}".encode(), "PLAIN has no challenges (RFC 4616 §2)")

    def start(self) -> bytes | None:
        """Return the one message; the authorisation identity is left to the server."""
        return self._said.message

    def step(self, challenge: bytes) -> bytes:
        """Return the message, once more, to a server that did not take it as initial response.

        Raises:
            RemoteProtocolError: a real challenge, or a second one.
        """
        return self._said.again(challenge)


class Login:
    """LOGIN: the user, then the password; never standardised, still the only one that some offer.

    *Source:* draft-murchison-sasl-login-00.
    """

    name = "LOGIN"
    is_complete = True

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


class External:
    """EXTERNAL: the TLS certificate says who we are; the message, if anything, whom we want to be (RFC 4422 §A)."""

    name = "EXTERNAL"
    is_complete = True

    def __init__(self, user: str) -> None:
        """Take the name; "" leaves it to the certificate.

        Raises:
            LocalProtocolError: it contains NUL.
        """
        if "\0" in user:
            raise LocalProtocolError("a name may not contain NUL (RFC 4422 §A.1)")
        self._said = _OneMessage(user.encode(), "EXTERNAL has no challenges (RFC 4422 §A.1)")

    def start(self) -> bytes | None:
        """Return the one message."""
        return self._said.message

    def step(self, challenge: bytes) -> bytes:
        """Return the message to a server that did not take it as initial response.

        Raises:
            RemoteProtocolError: a real challenge, or a second one.
        """
        return self._said.again(challenge)
