"""Floor 3 · directory — the one who is asked at a login: spells names and passwords, remembers a right one for seconds.

What is remembered is a digest under a key that lives and dies with this process, of name and password together; nothing in
memory or on disk says the password again. A wrong one is never remembered, and a right one only until its source has changed.
"""

import asyncio
import hmac
from collections.abc import Sequence
from typing import Final

from mailrail.directory.api import DirectoryError, Source
from mailrail.directory.claims import Refusal
from mailrail.directory.tokens import Tokens
from mailrail.directory.user import User, login_name
from mailrail.model import Reply, Rng
from mailrail.model import reply as say
from mailrail.net import Identity
from mailrail.sasl import BY_TOKEN, KeyRecord, PreparationError
from mailrail.server import Verifier

_MOST_REMEMBERED: Final = 10_000
_KEY_OCTETS: Final = 32


class Directory:
    """Answers for one source of users, and for who issues tokens to them."""

    def __init__(
        self,
        source: Source | None,
        *,
        secret: bytes,
        cache_s: float,
        rng: Rng,
        tokens: Tokens | None = None,
    ) -> None:
        """Join a source with what all of them need.

        Args:
            source: who knows the users; None: they come by tokens only.
            secret: see `Verifier.secret`.
            cache_s: how long a right password is remembered; 0: not.
            rng: one that nobody can predict.
            tokens: who knows whose a token is; None: nobody comes by one.
        """
        self.secret = secret
        self._source = source
        self._tokens = tokens
        self._cache_s = cache_s
        self._key = rng.getrandbits(8 * _KEY_OCTETS).to_bytes(_KEY_OCTETS, "big")
        self._right: dict[bytes, tuple[float, object, User]] = {}

    async def by_password(self, name: str, password: str) -> User | None:
        """Return the user with this name and password.

        Raises:
            DirectoryError: it cannot be known now.
        """
        if self._source is None:
            return None
        now_s = asyncio.get_running_loop().time()
        digest = hmac.digest(self._key, f"{name}\0{password}".encode(), "sha256")
        version = self._source.version()
        until_s, seen, known = self._right.get(digest, (0.0, None, None))
        if known is not None and now_s < until_s and seen == version:
            return known
        user = await self._source.check_password(name, password)
        if user is not None and self._cache_s:
            if len(self._right) >= _MOST_REMEMBERED:
                self._right.clear()
            self._right[digest] = (now_s + self._cache_s, version, user)
        return user

    async def find(self, name: str) -> User | None:
        """Return a user who may log in.

        Raises:
            DirectoryError: it cannot be known now.
        """
        return None if self._source is None else await self._source.find(name)

    def version(self) -> object:
        """Return what is another when the users have changed, as far as that can be known at once."""
        return None if self._source is None else self._source.version()

    async def by_token(self, user: str, token: str) -> User | Refusal:
        """Return the user whose *token* is, or why it lets nobody in.

        Args:
            user: who the client says that it is, "" if it does not.
            token: as the client showed it.

        Raises:
            DirectoryError: it cannot be known now.
        """
        if self._tokens is None:
            return Refusal("no tokens are taken")
        name = await self._tokens.name_of(token)
        if isinstance(name, Refusal):
            return name
        if user and login_name(user) != name:
            return Refusal(f"the token is of {name}, not of {user}")
        if not self.knows_names:
            return User(name)
        return await self.find(name) or Refusal(f"the token is good, but there is no user {name}")

    @property
    def knows_names(self) -> bool:
        """Tell whether `find` knows who there is."""
        return self._source is not None and self._source.knows_names

    async def probe(self) -> bool:
        """Find out whether the source of users answers; False where it cannot be asked.

        Raises:
            DirectoryError: it does not.
        """
        return self._source is not None and await self._source.probe()

    def describe(self) -> str:
        """Say where the users are, for people."""
        return "the tokens of an issuer" if self._source is None else self._source.describe()

    def able(self, mechanisms: Sequence[str]) -> tuple[str, ...]:
        """Return those of *mechanisms* that every user can log in by."""
        has_keys = self._source is not None and self._source.has_keys
        return able_mechanisms(
            mechanisms,
            by_password=self._source is not None,
            by_keys=has_keys,
            by_token=self._tokens is not None,
        )

    def asker(self) -> "Asker":
        """Return the Verifier for one exchange."""
        return Asker(self)

    async def close(self) -> None:
        """Let go of the source."""
        if self._source is not None:
            await self._source.close()
        if self._tokens is not None:
            await self._tokens.close()


def able_mechanisms(
    mechanisms: Sequence[str], *, by_password: bool, by_keys: bool, by_token: bool
) -> tuple[str, ...]:
    """Return those of *mechanisms* for which there is what they need."""

    def is_able(name: str) -> bool:
        if name in BY_TOKEN:
            return by_token
        return by_keys if name.startswith("SCRAM") else by_password

    return tuple(filter(is_able, mechanisms))


class Asker(Verifier):
    """Verifies one exchange, and remembers whom it found.

    Attributes:
        found: the user; it is logged in only if the exchange succeeds.
        trouble: why nothing could be known, or what is wrong with a token; "" for neither.
    """

    def __init__(self, directory: Directory) -> None:
        self.secret = directory.secret
        self.found: User | None = None
        self.trouble = ""
        self._directory = directory

    async def verify_password(self, user: str, password: str) -> str | Reply:
        """Check a password."""
        try:
            self.found = await self._directory.by_password(login_name(user), password)
        except PreparationError:
            # Nobody has this name, and it takes as long to say so.
            return await self.verify_password("nobody", password) if user != "nobody" else say.AUTH_FAILED
        except DirectoryError as error:
            return self._unavailable(error)
        return say.AUTH_FAILED if self.found is None else self.found.name

    async def scram_keys(self, user: str, digest: str) -> KeyRecord | Reply | None:
        """Find the keys of a user."""
        try:
            self.found = await self._directory.find(login_name(user))
        except PreparationError:
            return None
        except DirectoryError as error:
            return self._unavailable(error)
        keys = None if self.found is None else self.found.keys_of(digest)
        return None if self.found is None or keys is None else KeyRecord(self.found.name, keys)

    async def verify_token(self, user: str, token: str) -> str | Reply:
        """Find the user whose token it is."""
        try:
            answer = await self._directory.by_token(user, token)
        except PreparationError:
            return say.AUTH_FAILED
        except DirectoryError as error:
            return self._unavailable(error)
        if isinstance(answer, Refusal):
            self.trouble = answer.reason
            return say.AUTH_FAILED
        self.found = answer
        return answer.name

    async def verify_certificate(self, user: str, identity: Identity) -> str | Reply:
        """Find the user whom a certificate names by a mail address or as common name."""
        named = [*identity.addresses, identity.common_name]
        try:
            for name in _spelled(named):
                if user and login_name(user) != name:
                    continue
                self.found = await self._directory.find(name)
                if self.found is not None:
                    return self.found.name
        except PreparationError:
            pass
        except DirectoryError as error:
            return self._unavailable(error)
        return say.AUTH_FAILED

    def _unavailable(self, error: DirectoryError) -> Reply:
        self.trouble = str(error)
        return say.AUTH_UNAVAILABLE


def _spelled(names: list[str]) -> list[str]:
    """Return those that can be login names, spelled so."""
    spelled = []
    for name in names:
        try:
            spelled.append(login_name(name))
        except PreparationError:
            continue
    return spelled
