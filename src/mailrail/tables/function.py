"""Floor 2 · tables — a Python function as a table: `function = "module:function"`.

    def look_up(key: str) -> str | list[str] | None: ...

It is called in a thread, several at one time, or awaited in the loop if it is `async`. It is our operator's own code and has all our rights. What it
raises is "not now", and its reason stands in the log.
"""

import inspect
from collections.abc import Callable

from mailrail.tables.api import TableError
from mailrail.tables.pool import Pool
from mailrail.tables.targets import TargetError, read_targets


class FunctionTable:
    """Implements Table."""

    def __init__(self, name: str, function: Callable[..., object], pool: Pool) -> None:
        self._name = name
        self._function = function
        self._pool = pool

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        """Return what the function returns for *key*."""
        try:
            if inspect.iscoroutinefunction(self._function):
                found: object = await self._function(key)
            else:
                found = await self._pool.run(lambda: self._function(key))
        except TableError:
            raise
        except Exception as error:  # somebody else's code: "not now", and the reason for the operator
            raise TableError(f"{self._name} raised {type(error).__name__}: {error}") from error
        return values_of(found, self._name)

    def describe(self) -> str:
        """Say which function."""
        return f"the function {self._name}"

    async def close(self) -> None:
        """Take no more questions."""
        self._pool.close()


def values_of(found: object, whose: str) -> tuple[str, ...] | None:
    """Return the values in what came from outside: nothing, a text with commas, or a list of texts.

    Raises:
        TableError: it is something else.
    """
    match found:
        case None:
            return None
        case str():
            try:
                return read_targets(found)
            except TargetError as error:
                raise TableError(f"{whose} answered a list that cannot be read: {error}") from None
        case list() | tuple() if all(isinstance(value, str) for value in found):
            return tuple(found)
        case _:
            raise TableError(
                f"{whose} answered {type(found).__name__}, not a text, a list of texts or nothing"
            )
