"""Floor 3 · directory — what a source of users promises.

Whoever cannot answer raises DirectoryError: "I do not know now" must never pass for "wrong", nor for "right".
A wrong password and a user who does not exist or is disabled are the same answer, None, after the same work.
"""

from typing import Protocol

from mailrail.directory.user import User
from mailrail.model import MailrailError


class DirectoryError(MailrailError):
    """A source of users is out of order, or asked for too much at one time: try again later."""


class Source(Protocol):
    """Where users are known.

    Attributes:
        has_keys: every user has keys for SCRAM. Where one has not, SCRAM is not offered: a client that can do it would
            insist on it, and fail.
        knows_names: `find` knows who there is. Where it does not, a good token is enough.
    """

    @property
    def has_keys(self) -> bool:
        """Tell whether every user has keys for SCRAM."""
        ...

    @property
    def knows_names(self) -> bool:
        """Tell whether users can be found by name."""
        ...

    def version(self) -> object:
        """Return what is another when something has changed, as far as that can be known at once; never waits long."""
        ...

    async def check_password(self, name: str, password: str) -> User | None:
        """Return the user if the password is right.

        Args:
            name: in the spelling of `login_name`.
            password: as PRECIS prepares it.

        Raises:
            DirectoryError: it cannot be known now.
        """
        ...

    async def find(self, name: str) -> User | None:
        """Return a user who may log in, for who has proved who it is by other means: keys, a certificate.

        Raises:
            DirectoryError: it cannot be known now.
        """
        ...

    async def probe(self) -> bool:
        """Ask something that harms nobody, to find out whether answers come at all.

        Returns:
            False where nothing can be asked without a password.

        Raises:
            DirectoryError: they do not.
        """
        ...

    def describe(self) -> str:
        """Return in a few words where the users are, for people: `the user file /etc/mailrail/users.toml`."""
        ...

    async def close(self) -> None:
        """Let go of files, connections and threads."""
        ...
