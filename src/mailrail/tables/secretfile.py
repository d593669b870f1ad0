"""Floor 2 · tables — a file whose first line is a secret of ours: a password, a token."""

import stat
from pathlib import Path

from mailrail.model import SettingsError


def read_secret(file: Path, what: str) -> str:
    """Return the secret in *file*. Blocks.

    Args:
        what: the setting that names the file, for errors.

    Raises:
        SettingsError: it cannot be read, is empty, or everybody can read it.
    """
    try:
        is_open = file.stat().st_mode & stat.S_IRWXO
        secret = file.read_text("utf-8").partition("\n")[0].strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{what} {file} cannot be read: {error}") from error
    if is_open:
        raise SettingsError(f"{file} can be read by everybody; mend it: chmod 640 {file}")
    if not secret:
        raise SettingsError(f"{file} is empty; mend it: its first line is the secret")
    return secret
