"""Floor 1 · sasl — the client's side of OAUTHBEARER (RFC 7628) and XOAUTH2: a bearer token in one message.

Who has the token is the user, so the caller begins no exchange without TLS.
"""

from mailrail.model import LocalProtocolError, RemoteProtocolError
from mailrail.sasl.grammar import escape_name


class _Bearer:
    """What both have in common: one message, and an answer to the server's account of a failure."""

    is_complete = True

    def __init__(self, name: str, message: str, answer: bytes) -> None:
        self.name = name
        self._message = message.encode()
        self._answer = answer
        self._is_sent = False
        self._is_over = False

    def start(self) -> bytes | None:
        """Return the one message."""
        return self._message

    def step(self, challenge: bytes) -> bytes:
        """Return the message to a server that asks for it, or the answer to its account of a failure.

        Raises:
            RemoteProtocolError: a third challenge.
        """
        if self._is_over or (not challenge and self._is_sent):
            raise RemoteProtocolError(f"{self.name} has one challenge (RFC 7628 §3.2.3)")
        if not challenge:
            self._is_sent = True
            return self._message
        self._is_over = True  # the reply that follows is the refusal
        return self._answer


class OAuthBearer(_Bearer):
    """OAUTHBEARER (RFC 7628 §3.1)."""

    def __init__(self, user: str, token: str, host: str, port: int) -> None:
        """Take the credentials, and whom they are meant for.

        Raises:
            LocalProtocolError: a character that they may not have.
        """
        where = f"\x01host={host}\x01port={port}" if host else ""
        name = f"a={escape_name(user)}" if user else ""
        _check(user, token, host)
        super().__init__("OAUTHBEARER", f"n,{name},{where}\x01auth=Bearer {token}\x01\x01", b"\x01")


class XOAuth2(_Bearer):
    """XOAUTH2.

    *Source:* https://developers.google.com/workspace/gmail/imap/xoauth2-protocol
    """

    def __init__(self, user: str, token: str) -> None:
        """Take the credentials.

        Raises:
            LocalProtocolError: no user, or a character that they may not have.
        """
        _check(user, token, "")
        if not user:
            raise LocalProtocolError("XOAUTH2 wants a user")
        super().__init__("XOAUTH2", f"user={user}\x01auth=Bearer {token}\x01\x01", b"")


def _check(user: str, token: str, host: str) -> None:
    """Keep whoever names a user from writing pairs of his own."""
    if not user.isprintable() or not (host + token).isascii() or not (host + token).isprintable():
        raise LocalProtocolError("a control character in a name or token (RFC 7628 §3.1)")
    if not token or " " in token:
        raise LocalProtocolError("a token has no spaces and is not empty (RFC 6750 §2.1)")
