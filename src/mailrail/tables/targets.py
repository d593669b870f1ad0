"""Floor 2 · tables — a list of targets as the right-hand side of aliases(5) writes it: cut into its parts. Pure.

    ann, "bob smith"@example.org, "|/usr/bin/filter -a x, y", /var/mail/archive, :include:/etc/lists/staff

Commas part, but not those in quotes, in angle brackets or in comments. What is an address stays as it was written, for there is one
reader of addresses in the house, and this is not it; what is none loses the quotes that only protected its spaces and commas.

*Source:* aliases(5) of Postfix and of Sendmail.
"""

import re
from collections.abc import Iterator
from typing import Final

from mailrail.model import MailrailError

# In order: quoted text, comment, address in angle brackets; an opening sign without its end is a mistake.
_TOKEN: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|\([^()]*\)|<[^<>]*>|\\.|[^",(<\\]+|(?P<comma>,)|(?P<bad>.)', re.DOTALL
)
_WHOLE: Final = re.compile(r'(?P<sign>\|?)\s*"(?P<inner>(?:[^"\\]|\\.)*)"', re.DOTALL)
NO_ADDRESS: Final = ("|", "/", ":include:")


class TargetError(MailrailError, ValueError):
    """A text is no list of targets; the message says why."""


def read_targets(text: str) -> tuple[str, ...]:
    """Return the parts of *text*; none for one without any.

    Raises:
        TargetError: a quote, comment or bracket does not end.
    """
    return tuple(filter(None, map(_bare, _parts(text))))


def _parts(text: str) -> Iterator[str]:
    if text.lstrip().startswith("|") and '"' not in text:
        # LENIENT: an unquoted command may hold brackets and the like; only its commas are ours.
        yield from text.split(",")
        return
    part = ""
    for token in _TOKEN.finditer(text):
        if token["bad"]:
            raise TargetError(f"{token[0]} at character {token.start() + 1} has no end")
        if token["comma"]:
            yield part
            part = ""
        elif not token[0].startswith("("):
            part += token[0]
    yield part


def _bare(part: str) -> str:
    part = part.strip()
    found = _WHOLE.fullmatch(part)
    if found is None:
        return part
    inner = found["sign"] + re.sub(r"\\(.)", r"\1", found["inner"], flags=re.DOTALL)
    return inner if inner.startswith(NO_ADDRESS) else part
