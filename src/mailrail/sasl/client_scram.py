"""Floor 1 · sasl — the client's side of SCRAM (RFC 5802, RFC 7677): the password never leaves us.

It proves both ways: a server that says "welcome" without having shown that it knows the password's keys is not
believed (`is_complete`). What a server may make us compute is bounded.
"""

import hashlib
import hmac
from base64 import b64encode

from mailrail.model import LocalProtocolError, RemoteProtocolError
from mailrail.sasl.grammar import (
    END_POINT,
    PLUS,
    GrammarError,
    attributes,
    checked_name,
    checked_nonce,
    escape_name,
    number,
    octets,
    text_of,
)
from mailrail.sasl.keys import (
    DIGESTS,
    LEAST_ITERATIONS,
    MOST_ITERATIONS,
    client_key,
    salted_password,
    server_key,
)
from mailrail.sasl.saslprep import PreparationError, saslprep


class ScramClient:
    """One exchange of SCRAM-SHA-256, SCRAM-SHA-1, and either with -PLUS.

    Attributes: see `ClientMechanism`.

    Args:
        name: the mechanism.
        user, password: prepared by SASLprep here.
        nonce: fresh and random: LEAST_NONCE to MOST_NONCE printable characters without a comma.
        binding: what tls-server-end-point is for this connection; None: not known.
        saw_plus: the server offers the mechanism with -PLUS too.

    Raises:
        LocalProtocolError: -PLUS without *binding*, or credentials that SCRAM cannot carry.
    """

    def __init__(
        self, name: str, user: str, password: str, *, nonce: str, binding: bytes | None, saw_plus: bool
    ) -> None:
        self.name = name
        self.is_complete = False
        self._digest = DIGESTS[name.removesuffix(PLUS)]
        is_plus = name.endswith(PLUS)
        if is_plus and binding is None:
            raise LocalProtocolError(f"{name} needs to know the certificate (RFC 5929 §4)")
        # RFC 5802 §6: "y" tells a server that did offer -PLUS that somebody took it away.
        flag = f"p={END_POINT}" if is_plus else "n" if binding is None or saw_plus else "y"
        self._gs2 = f"{flag},,"
        self._binding = (self._gs2.encode() + (binding or b"")) if is_plus else self._gs2.encode()
        try:
            saslprep(password, is_stored=True)
            self._first = f"n={escape_name(checked_name(saslprep(user)))},r={checked_nonce(nonce)}"
        except (PreparationError, GrammarError) as error:
            raise LocalProtocolError(f"{name} cannot carry this login: {error}") from None
        self._password = password
        self._nonce = nonce
        self._signature: bytes | None = None  # what the server owes us, once it is known
        self._has_repeated = self._is_over = False

    def start(self) -> bytes | None:
        """Return the first message."""
        return (self._gs2 + self._first).encode()

    def step(self, challenge: bytes) -> bytes:
        """Return the final message, then the empty response to the server's signature or error.

        Raises:
            RemoteProtocolError: not as the grammar wants it, a nonce that is not ours, iterations out of
                bounds, or a signature by somebody who does not know the keys.
        """
        try:
            if not challenge and self._signature is None and not (self._has_repeated or self._is_over):
                # LENIENT: seen from servers that ignore initial responses and ask with an empty challenge.
                self._has_repeated = True
                return (self._gs2 + self._first).encode()
            return self._take(text_of(challenge))
        except GrammarError as error:
            raise RemoteProtocolError(f"{self.name}: {error}") from None

    def _take(self, message: str) -> bytes:
        if self._is_over:
            raise GrammarError("SCRAM has two challenges, this is the third")
        if message.startswith("e="):
            self._is_over = True  # the reply that follows says it in full
            return b""
        return self._take_first(message) if self._signature is None else self._take_final(message)

    def _take_first(self, message: str) -> bytes:
        (nonce, salt, count), _ = attributes(message, "r", "s", "i")
        if checked_nonce(nonce) == self._nonce or not nonce.startswith(self._nonce):
            raise GrammarError("the nonce is not ours with something added (RFC 5802 §5.1)")
        iterations = number(count)
        if not LEAST_ITERATIONS <= iterations <= MOST_ITERATIONS:
            raise GrammarError(f"{iterations} iterations; we do {LEAST_ITERATIONS} to {MOST_ITERATIONS}")
        salted = salted_password(self._password, octets(salt), iterations, self._digest)
        signed = f"c={b64encode(self._binding).decode()},r={nonce}"
        auth_message = f"{self._first},{message},{signed}".encode()
        self._signature = hmac.digest(server_key(salted, self._digest), auth_message, self._digest)
        return f"{signed},p={b64encode(self._proof(salted, auth_message)).decode()}".encode()

    def _proof(self, salted: bytes, auth_message: bytes) -> bytes:
        """Return ClientProof (RFC 5802 §3)."""
        key = client_key(salted, self._digest)
        signature = hmac.digest(hashlib.new(self._digest, key).digest(), auth_message, self._digest)
        return bytes(a ^ b for a, b in zip(key, signature, strict=True))

    def _take_final(self, message: str) -> bytes:
        assert self._signature is not None
        (verifier,), _ = attributes(message, "v")
        if not hmac.compare_digest(octets(verifier), self._signature):
            raise GrammarError("the server does not know the password (RFC 5802 §5.1)")
        self.is_complete = self._is_over = True
        return b""
