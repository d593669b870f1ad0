"""Floor 3 · directory — users from our own file."""

from mailrail.directory.hashes import NOBODY, is_password, scheme_of
from mailrail.directory.records import Users
from mailrail.directory.user import User
from mailrail.directory.userfile import UserFile
from mailrail.tables import Pool


class FileSource:
    """Implements Source."""

    knows_names = True

    def __init__(self, file: UserFile, pool: Pool) -> None:
        self._file = file
        self._pool = pool

    @property
    def has_keys(self) -> bool:
        """Tell whether every user who may log in has keys."""
        return have_keys(self._file.known())

    def version(self) -> object:
        """Return what tells that the file is another; the stat of a local file is no wait."""
        return self._file.stamp()

    async def check_password(self, name: str, password: str) -> User | None:
        """Return the user if the password is right."""
        return await self._pool.run(lambda: checked(self._file.users().get(name), password))

    async def find(self, name: str) -> User | None:
        """Return a user who may log in."""
        return await self._pool.run(lambda: able(self._file.users().get(name)))

    async def probe(self) -> bool:
        """Do nothing: a file that cannot be read any more still counts as it was."""
        return True

    def describe(self) -> str:
        """Say which file."""
        return f"the user file {self._file.path}"

    async def close(self) -> None:
        """Take no more questions."""
        self._pool.close()


def have_keys(users: Users) -> bool:
    """Tell whether every one of *users* who may log in has keys for SCRAM."""
    return all(user.keys is not None for user in users.values() if not user.is_disabled)


def able(user: User | None) -> User | None:
    """Return *user* if it may log in at all."""
    return None if user is None or user.is_disabled else user


def checked(user: User | None, password: str) -> User | None:
    """Return *user* if it may log in with *password*. Takes as long for nobody as for somebody.

    Whoever's hash is of another scheme pays our own on top: else the cheap one would tell who exists.
    """
    able_user = able(user)
    stored = NOBODY if able_user is None else able_user.password
    is_right = is_password(stored, password)
    if scheme_of(stored) != "ARGON2ID":
        is_password(NOBODY, password)
    return able_user if is_right else None
