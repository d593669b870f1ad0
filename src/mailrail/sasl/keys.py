"""Floor 1 · sasl — the keys of SCRAM: derived, stored, compared (RFC 5802 §3, RFC 7677).

Who stores `ScramKeys` can check a login, but neither log in with them nor, but by guessing, learn the password.
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Final

from mailrail.sasl.saslprep import PreparationError, saslprep

# RFC 7677 §4: at least 4096, and as many as take a modern machine 0.1 s. OWASP's figure for PBKDF2-HMAC-SHA256 is 600,000, but
# what a client refuses to compute is no login: Cyrus SASL (Postfix, Mutt and many more) does 65,536 at most
# (MAX_ITERATION_COUNTER in its scram.c), so this is the most that all can do. Dovecot has 4,096, MongoDB 15,000.
ITERATIONS: Final = 65_536
LEAST_ITERATIONS: Final = 4096  # RFC 7677 §4
# What a client computes at most for a server that asks: OWASP's figure, about 0.2 s.
MOST_ITERATIONS: Final = 600_000
SALT_OCTETS: Final = 16  # NIST SP 800-132 §5.1: 128 bits
_LONGEST_SALT: Final = 64

DIGESTS: Final = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
_NAMES: Final = {digest: name for name, digest in DIGESTS.items()}
_OCTETS: Final = {"sha256": 32, "sha1": 20}
_RFC_5803: Final = re.compile(r"(SCRAM-SHA-(?:1|256))\$(\d{1,9}):([^$:]*)\$([^:$]*):([^:$]*)", re.ASCII)
_DOVECOT: Final = re.compile(r"\{(SCRAM-SHA-(?:1|256))\}(\d{1,9}),([^,]*),([^,]*),([^,]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a server keeps of a password.

    Attributes:
        digest: "sha256" or "sha1".
        salt: 1 to 64 octets.
        iterations: rounds of PBKDF2.
        stored_key: checks the client's proof.
        server_key: proves to the client that we know it.

    Raises:
        ValueError: one of them cannot be.
    """

    digest: str
    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        size = _OCTETS.get(self.digest)
        if size is None or len(self.stored_key) != size or len(self.server_key) != size:
            raise ValueError(
                f"keys of SCRAM are of sha256 (32 octets) or sha1 (20 octets), not {self.digest}"
            )
        if not 1 <= len(self.salt) <= _LONGEST_SALT or self.iterations < 1:
            raise ValueError(f"a salt has 1 to {_LONGEST_SALT} octets, and there is one iteration at least")

    def is_of(self, password: str) -> bool:
        """Tell whether these are the keys of *password*; takes as long as `derive_keys`.

        Args:
            password: as PLAIN or LOGIN brought it.
        """
        try:
            salted = salted_password(password, self.salt, self.iterations, self.digest)
        except PreparationError:
            return False
        return hmac.compare_digest(server_key(salted, self.digest), self.server_key)


def derive_keys(
    password: str, salt: bytes, iterations: int = ITERATIONS, digest: str = "sha256"
) -> ScramKeys:
    """Derive what to store of *password*; takes some tens of milliseconds by default.

    Args:
        password: as the person typed it.
        salt: SALT_OCTETS random octets, new for each password.
        iterations: rounds of PBKDF2.
        digest: "sha256" or "sha1".

    Raises:
        PreparationError: SASLprep does not allow the password.
        ValueError: *salt*, *iterations* or *digest* cannot be.

    *Source:* RFC 5802 §3.
    """
    salted = salted_password(password, salt, iterations, digest)
    return ScramKeys(
        digest,
        salt,
        iterations,
        hashlib.new(digest, client_key(salted, digest)).digest(),
        server_key(salted, digest),
    )


def salted_password(password: str, salt: bytes, iterations: int, digest: str) -> bytes:
    """Return SaltedPassword (RFC 5802 §3); §2.2: what is hashed counts as stored string."""
    prepared = saslprep(password, is_stored=True)
    return hashlib.pbkdf2_hmac(digest, prepared.encode(), salt, iterations)


def client_key(salted: bytes, digest: str) -> bytes:
    """Return ClientKey (RFC 5802 §3)."""
    return hmac.digest(salted, b"Client Key", digest)


def server_key(salted: bytes, digest: str) -> bytes:
    """Return ServerKey (RFC 5802 §3)."""
    return hmac.digest(salted, b"Server Key", digest)


def fake_keys(secret: bytes, user: str, digest: str = "sha256") -> ScramKeys:
    """Return keys for a user that does not exist: the same at each try, and no password fits.

    So the first answer of SCRAM does not tell who exists, as long as real keys have ITERATIONS and SALT_OCTETS too.

    Args:
        secret: known to nobody else and always the same.
        user: the name that was tried.
        digest: "sha256" or "sha1".
    """

    def part(label: bytes) -> bytes:
        return hmac.digest(secret, label + digest.encode() + b"\0" + user.encode(), digest)

    return ScramKeys(digest, part(b"salt")[:SALT_OCTETS], ITERATIONS, part(b"stored"), part(b"server"))


def format_keys(keys: ScramKeys) -> str:
    """Write *keys* as RFC 5803 §2 and PostgreSQL do: `SCRAM-SHA-256$65536:salt$stored:server`."""
    salt, stored, server = _texts(keys)
    return f"{_NAMES[keys.digest]}${keys.iterations}:{salt}${stored}:{server}"


def format_keys_dovecot(keys: ScramKeys) -> str:
    """Write *keys* as Dovecot does: `{SCRAM-SHA-256}65536,salt,stored,server`."""
    salt, stored, server = _texts(keys)
    return f"{{{_NAMES[keys.digest]}}}{keys.iterations},{salt},{stored},{server}"


def parse_keys(text: str) -> ScramKeys:
    """Read either form.

    Raises:
        ValueError: it is neither; the message does not contain it.
    """
    found = _RFC_5803.fullmatch(text) or _DOVECOT.fullmatch(text)
    if found is None:
        raise ValueError("SCRAM keys look like SCRAM-SHA-256$65536:salt$stored:server")
    name, iterations, *parts = found.groups()
    salt, stored, server = (b64decode(part, validate=True) for part in parts)
    return ScramKeys(DIGESTS[name], salt, int(iterations), stored, server)


def _texts(keys: ScramKeys) -> tuple[str, ...]:
    return tuple(b64encode(part).decode() for part in (keys.salt, keys.stored_key, keys.server_key))
