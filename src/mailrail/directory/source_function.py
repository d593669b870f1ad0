"""Floor 3 · directory — a Python function that checks passwords: `users.function = "module:function"`.

    def check(user: str, password: str) -> bool: ...

It is called in a thread, several at one time, and may take its time: `users.threads` and `users.waiting` bound what waits for it. It is our
operator's own code and has all our rights. What it raises is "not now" to the client, and stands in the log.
"""

from collections.abc import Callable

from mailrail.directory.api import DirectoryError
from mailrail.directory.user import User
from mailrail.tables import Pool

Check = Callable[[str, str], object]


class FunctionSource:
    """Implements Source; knows nobody without a password."""

    has_keys = False
    knows_names = False

    def __init__(self, check: Check, pool: Pool, name: str = "") -> None:
        self._check = check
        self._pool = pool
        self._name = name

    def version(self) -> None:
        """Tell nothing: only time makes a remembered password be checked again."""

    async def check_password(self, name: str, password: str) -> User | None:
        """Return the user if the password is right."""
        return await self._pool.run(lambda: self._checked(name, password))

    async def find(self, name: str) -> User | None:
        """Find nobody: a function checks passwords only."""
        return None

    async def probe(self) -> bool:
        """Ask nothing: it knows passwords only, and what it does with wrong ones is not known."""
        return False

    def describe(self) -> str:
        """Say which function."""
        return f"the function {self._name}"

    async def close(self) -> None:
        """Take no more questions."""
        self._pool.close()

    def _checked(self, name: str, password: str) -> User | None:
        try:
            answer = self._check(name, password)
        except Exception as error:  # somebody else's code: "not now", and the reason for the operator
            raise DirectoryError(f"the function raised {type(error).__name__}: {error}") from error
        if not isinstance(answer, bool):
            raise DirectoryError(f"the function answered {type(answer).__name__}, not True or False")
        return User(name) if answer else None
