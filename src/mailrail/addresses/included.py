"""Floor 3 · addresses — the targets that stand in a file which an alias includes, one or more a line."""

from pathlib import Path
from typing import Final

from mailrail.addresses.api import NotKnownNowError
from mailrail.tables import TargetError, read_targets

MOST_OCTETS: Final = 4 * 1024 * 1024  # a hundred thousand addresses


def read_list(path: str) -> tuple[str, ...] | None:
    """Return the targets in the file *path*, None if there is none; empty lines and those that begin with # are nothing.

    Raises:
        NotKnownNowError: it cannot be read, or what stands in it.
    """
    try:
        with Path(path).open("rb") as stream:
            octets = stream.read(MOST_OCTETS + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotKnownNowError(f"{path} cannot be read: {error.strerror}") from None
    if len(octets) > MOST_OCTETS:
        raise NotKnownNowError(f"{path} has more than {MOST_OCTETS} octets")
    try:
        lines = [line.strip() for line in octets.decode().splitlines()]
        return tuple(target for line in lines if line and line[0] != "#" for target in read_targets(line))
    except (UnicodeDecodeError, TargetError) as error:
        raise NotKnownNowError(f"{path}: {error}") from None
