"""Floor 4 · agents — texts with values of the recipient in them: paths of mailboxes, arguments of programs. Pure.

An address is chosen by a stranger. In a path a value of it is part of one name and nothing else: no "/", no NUL or other control
character, no "." at its beginning, so that no address leads out of the directory that the settings name (A25). Local parts are folded
to lower case, for people write them either way; a sub-address keeps its letters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from mailrail.model import Recipient, detail_at

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_NAME_OCTETS: Final = 255  # of one name in a path, on every file system that matters
OF_PATHS: Final = ("domain", "local_part", "detail", "user", "home")
OF_ARGUMENTS: Final = (*OF_PATHS, "sender", "recipient", "queue_id")


class UnfitValueError(ValueError):
    """An address that has no place in a path or among arguments."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom something is delivered to, in the parts that templates know.

    Attributes:
        domain: lower-case A-labels.
        local_part: in lower case, without the sub-address.
        detail: the sub-address, "" where there is none.
    """

    domain: str
    local_part: str
    detail: str = ""


def target_of(recipient: Recipient, separators: str) -> Target:
    """Take *recipient* apart.

    Args:
        separators: those of sub-addresses in its domain.
    """
    address = recipient.forward_path
    local_part = address.local_part
    at = detail_at(local_part, separators)
    if at is None:
        return Target(address.domain, local_part.lower())
    return Target(address.domain, local_part[:at].lower(), local_part[at + 1 :])


def values_of(target: Target, user: str, home: str) -> dict[str, str]:
    """Return what the places of a path stand for."""
    return {
        "domain": target.domain,
        "local_part": target.local_part,
        "detail": target.detail,
        "user": user,
        "home": home,
    }


def check_template(text: str, known: tuple[str, ...]) -> str:
    """Return *text* if it names only what is *known*.

    Raises:
        ValueError: it does not; the message names what is.
    """
    rest = _PLACE.sub("", text)
    if "{" in rest or "}" in rest:
        raise ValueError(f"{text!r}: a brace has no partner")
    for name in _PLACE.findall(text):
        if name not in known:
            raise ValueError(f"{text!r}: {{{name}}} is not known; there are {', '.join(known)}")
    return text


def check_path(text: str) -> str:
    """Return *text* if it is the template of an absolute path.

    Raises:
        ValueError: it is not.
    """
    check_template(text, OF_PATHS)
    if not (text.startswith(("/", "{home}/")) or text == "{home}"):
        raise ValueError(f'{text!r}: a path begins with "/" or "{{home}}"')
    if ".." in PurePosixPath(text).parts or "\0" in text or "{home}" in text[1:]:
        raise ValueError(f'{text!r}: a path has no "..", and {{home}} only at its beginning')
    return text


def fill_path(text: str, values: Mapping[str, str]) -> Path:
    """Put *values* into the path *text* (`check_path`).

    Raises:
        UnfitValueError: an address that would lead elsewhere, or is too long for a name.
    """

    def value(place: re.Match[str]) -> str:
        name = place[1]
        return values[name] if name == "home" else safe_name(values[name], may_be_empty=name == "detail")

    path = PurePosixPath(_PLACE.sub(value, text))
    for part in path.parts:
        if part == ".." or len(part.encode()) > _NAME_OCTETS:
            raise UnfitValueError(f"{part[:80]!r} cannot be the name of a file")
    return Path(path)


def safe_name(value: str, *, may_be_empty: bool = False) -> str:
    """Return *value* if it can be part of a name in a path.

    Raises:
        UnfitValueError: it cannot.
    """
    if not value and may_be_empty:
        return value
    if not value or value.startswith(".") or "/" in value or not value.isprintable():
        raise UnfitValueError(f"{value[:80]!r} cannot be the name of a file")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UnfitValueError(f"{value[:80]!r} cannot be the name of a file") from None
    return value


def fill_argument(text: str, values: Mapping[str, str]) -> str:
    """Put *values* into the argument *text*.

    Raises:
        UnfitValueError: the argument would be taken for an option by what a stranger wrote.
    """
    filled = _PLACE.sub(lambda place: values[place[1]], text)
    if filled.startswith("-") and not text.startswith("-"):
        raise UnfitValueError(f"{filled[:80]!r} would be taken for an option")
    if "\0" in filled:
        raise UnfitValueError("an argument cannot have a NUL")
    return filled
