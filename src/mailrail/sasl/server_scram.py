"""Floor 1 · sasl — the server's side of SCRAM (RFC 5802, RFC 7677).

    client                                                   server
    n,,n=user,r=CNONCE                           ->
                                                 <-   r=CNONCE SNONCE,s=salt,i=iterations
    c=binding,r=CNONCE SNONCE,p=proof            ->
                                                 <-   v=signature   or the end

Who stands in the middle of the TLS could take PLUS out of the list of mechanisms. The header tells on him: a client that
says "y" had a binding and saw no PLUS, so where we offered it, somebody lied; and the header is signed with the rest.
A user that does not exist gets a challenge like any other, and fails at the proof like any other.

A failure ends the exchange without `e=error`, which is optional (RFC 5802 §5.1): it would have to travel as one more
challenge, and Cyrus's library, by which Postfix logs in, takes that for a broken server and never sees the refusal.
"""

import hashlib
import hmac
from base64 import b64encode

from mailrail.model import LocalProtocolError
from mailrail.sasl.grammar import (
    END_POINT,
    MOST_NONCE,
    PLUS,
    GrammarError,
    Gs2,
    attributes,
    checked_nonce,
    octets,
    parse_gs2,
    text_of,
    unescape_name,
)
from mailrail.sasl.keys import DIGESTS, fake_keys
from mailrail.sasl.saslprep import saslprep
from mailrail.sasl.server import OTHERS, is_oneself
from mailrail.sasl.steps import Challenge, Failure, FindKeys, KeyRecord, Step, Success, Told


class ScramServer:
    """One exchange of SCRAM-SHA-256, SCRAM-SHA-1, and either with -PLUS.

    Args:
        name: the mechanism.
        nonce: fresh and random, at least LEAST_NONCE printable characters without a comma.
        secret: for the challenge to a user that does not exist: see `fake_keys`.
        binding: what tls-server-end-point is for this connection; None: not known.
        offers_plus: the mechanism with -PLUS was offered too.

    Raises:
        LocalProtocolError: -PLUS without *binding*, or a *nonce* that cannot be.
    """

    def __init__(
        self, name: str, *, nonce: str, secret: bytes, binding: bytes | None, offers_plus: bool
    ) -> None:
        self.name = name
        self.prompt = b""
        self._is_plus = name.endswith(PLUS)
        self._digest = DIGESTS[name.removesuffix(PLUS)]
        self._nonce = nonce
        self._secret = secret
        self._binding = binding
        self._offers_plus = offers_plus
        self._gs2 = Gs2("n", "", "", "")
        self._name = self._first = self._challenge = ""
        self._record: KeyRecord | None = None
        self._user: str | None = None
        if self._is_plus and binding is None:
            raise LocalProtocolError(f"{name} needs to know the certificate (RFC 5929 §4)")
        try:
            checked_nonce(nonce)
        except GrammarError as error:
            raise LocalProtocolError(str(error)) from None

    def take(self, response: bytes) -> Step:
        """Take the first message, then the final one."""
        message = text_of(response)
        return self._take_first(message) if self._record is None else self._take_final(message, self._record)

    def _take_first(self, message: str) -> Step:
        self._gs2, self._first = parse_gs2(message)
        self._check_binding(self._gs2)
        (name, nonce), _ = attributes(self._first, "n", "r")
        self._name = saslprep(unescape_name(name))
        if len(nonce) > MOST_NONCE:
            raise GrammarError(f"a nonce of more than {MOST_NONCE} characters")
        self._nonce = checked_nonce(nonce) + self._nonce
        return FindKeys(self._name, self._digest)

    def _check_binding(self, gs2: Gs2) -> None:
        """Refuse a flag that does not fit (RFC 5802 §6)."""
        if gs2.flag == "y" and self._offers_plus:
            raise GrammarError("the client saw no -PLUS, and it was offered")
        if (gs2.flag == "p") is not self._is_plus:
            raise GrammarError("the flag does not fit the mechanism")
        if gs2.flag == "p" and gs2.binding != END_POINT:
            raise GrammarError("another kind of binding")

    def told(self, answer: Told) -> Step:
        """Make the challenge, of real keys or of keys that nobody has."""
        if isinstance(answer, str) or (answer is not None and answer.keys.digest != self._digest):
            raise LocalProtocolError(f"{self.name} asked for keys of {self._digest}")
        self._user = None if answer is None else answer.user
        self._record = answer or KeyRecord("", fake_keys(self._secret, self._name, self._digest))
        keys = self._record.keys
        salt = b64encode(keys.salt).decode()
        self._challenge = f"r={self._nonce},s={salt},i={keys.iterations}"
        return Challenge(self._challenge.encode())

    def _take_final(self, message: str, record: KeyRecord) -> Step:
        # RFC 5802 §7: the proof comes last, and signs all that stands before it.
        signed, _, proof = message.rpartition(",p=")
        (binding, nonce), _ = attributes(signed, "c", "r")
        expected = self._gs2.text.encode() + (self._binding or b"" if self._is_plus else b"")
        if not hmac.compare_digest(octets(binding), expected):
            raise GrammarError("another binding than ours")
        if not hmac.compare_digest(nonce.encode(), self._nonce.encode()):
            raise GrammarError("another nonce than ours")
        auth_message = f"{self._first},{self._challenge},{signed}".encode()
        is_proven = self._is_proof(octets(proof), record.keys.stored_key, auth_message)
        if not is_proven or self._user is None:
            return Failure("wrong password or no such user")
        if not is_oneself(self._gs2.authzid, self._name, self._user):
            return Failure(OTHERS)
        signature = hmac.digest(record.keys.server_key, auth_message, self._digest)
        return Success(self._user, b"v=" + b64encode(signature))

    def _is_proof(self, proof: bytes, stored_key: bytes, auth_message: bytes) -> bool:
        """Tell whether the proof is from who knows the password (RFC 5802 §3)."""
        signature = hmac.digest(stored_key, auth_message, self._digest)
        if len(proof) != len(signature):
            return False
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        return hmac.compare_digest(hashlib.new(self._digest, client_key).digest(), stored_key)

    def failure(self, reason: str) -> Failure:
        """Tell the client nothing."""
        return Failure(reason)
