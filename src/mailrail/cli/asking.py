"""Floor 5 · cli — questions to a person, asked again until the settings have nothing against the answer."""

from collections.abc import Callable
from typing import Any

import click

from mailrail.config import complaint


class Asker:
    """Asks for what was not given, until the settings have nothing against the answer."""

    def __init__(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent

    def text(
        self, question: str, given: str | None, default: str, tree: Callable[[str], dict[str, Any]]
    ) -> str:
        """Return a text that is right as the part of the settings that *tree* makes of it."""
        if given is not None or self._is_silent:
            return given or default
        while True:
            answer: str = click.prompt(question, default=default, show_default=bool(default)).strip()
            why = _complaint(answer, tree) if answer else ""
            if not why:
                return answer
            click.echo(f"  {why}")

    def texts(
        self, question: str, given: tuple[str, ...], tree: Callable[[str], dict[str, Any]]
    ) -> tuple[str, ...]:
        """Return any number of texts, asked for one by one until an empty answer."""
        if given or self._is_silent:
            return given
        found: list[str] = []
        while answer := self.text(question, None, "", tree):
            found.append(answer)
            question = "  another (empty: no more)"
        return tuple(found)

    def yes(self, question: str, given: bool | None, *, default: bool) -> bool:
        """Return whether."""
        if given is not None or self._is_silent:
            return bool(given)
        return click.confirm(question, default=default)

    def password(self, question: str) -> str | None:
        """Return a secret, or None where nothing may be asked."""
        if self._is_silent:
            return None
        answer: str = click.prompt(question, hide_input=True)
        return answer


def _complaint(answer: str, tree: Callable[[str], dict[str, Any]]) -> str:
    try:
        return complaint(tree(answer))
    except (ValueError, click.UsageError) as error:
        return str(error)
