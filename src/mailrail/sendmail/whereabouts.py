"""Floor 5 · sendmail — where the maildrop and the operator's socket are, by the settings file.

To read TOML costs more time than all else that is done here, so it is only done where the three paths that matter may be written in a way that is
not plain.
"""

import os

from mailrail.maildrop import LIMIT
from mailrail.sendmail.exits import CANNOT_CREATE, CONFIG, NO_PERMISSION, Stop

DEFAULT_SETTINGS = "/etc/mailrail/mailrail.toml"
DEFAULT_SPOOL = "/var/lib/mailrail"  # spool/settings.py says the same, and a test compares them
_WANTED = ("spool.path", "maildrop.directory", "admin.socket")
_TABLES = ("spool", "maildrop", "admin")
_DEFAULT_LIMIT = 35 * 1024**2  # until a server has said what it takes (server/settings.py)


class Whereabouts:
    """The places that the programs must know.

    Attributes:
        settings: the settings file.
        maildrop: directory that mail is handed in at.
        admin: the operator's socket of the first worker.
    """

    def __init__(self, given: str) -> None:
        self.settings = given or os.environ.get("MAILRAIL_CONFIG", "") or DEFAULT_SETTINGS
        texts = _texts(self.settings, is_named=self.settings != DEFAULT_SETTINGS)
        paths = _paths(self.settings, texts)
        spool = paths.get("spool.path", DEFAULT_SPOOL)
        self.maildrop = paths.get("maildrop.directory", f"{spool}/maildrop")
        self.admin = paths.get("admin.socket", f"{spool}/admin.sock")

    def limit_bytes(self) -> int:
        """Return how large a message may be, as the server has said when it was last started.

        Raises:
            Stop: there is no maildrop, or it may not be looked into.
        """
        try:
            with open(f"{self.maildrop}/{LIMIT}", "rb") as stream:
                return int(stream.read(20))
        except ValueError:
            return _DEFAULT_LIMIT
        except FileNotFoundError:
            raise Stop(
                CANNOT_CREATE,
                f"there is no maildrop at {self.maildrop}: it is made when the server is started for the first time "
                f"(settings: {self.settings}; others by -C FILE or MAILRAIL_CONFIG)",
            ) from None
        except PermissionError:
            raise Stop(
                NO_PERMISSION,
                f"you may not hand in mail at {self.maildrop}: the server's operator allows it by "
                'maildrop.access = "everyone"',
            ) from None


def _texts(main: str, *, is_named: bool) -> list[bytes]:
    """Return the settings files as they are; none where there is none, or where it is not for us to read."""
    directory = os.path.join(os.path.dirname(main), "conf.d")
    try:
        further = sorted(name for name in os.listdir(directory) if name.endswith(".toml"))
    except OSError:
        further = []
    texts = []
    for path in (main, *(f"{directory}/{name}" for name in further)):
        try:
            with open(path, "rb") as stream:
                texts.append(stream.read())
        except OSError as error:
            if is_named:
                raise Stop(CONFIG, f"{path}: {error.strerror}") from None
    return texts


def _paths(main: str, texts: list[bytes]) -> dict[str, str]:
    """Return the paths of _WANTED that the files name, by key.

    Raises:
        Stop: a file is not TOML.
    """
    found: dict[str, str] = {}
    for text in texts:
        plain = plain_paths(text)
        found.update(_parsed(main, text) if plain is None else plain)
    return found


def plain_paths(text: bytes) -> dict[str, str] | None:
    """Read the paths of _WANTED where they are written plainly, as nearly always; None: a real reader of TOML must tell.

    Plainly is `spool.path = "/..."` before the first table, or `path = "/..."` under `[spool]`, and no other line that has to do with it.
    """
    if b"\\" in text or b'"""' in text or b"'''" in text:
        return None
    found: dict[str, str] = {}
    table = ""
    for octets in text.splitlines():
        line = octets.strip().decode("utf-8", "replace")
        if line.startswith("["):
            table = line[1:-1]
            if line != f"[{table}]" or not table.isalnum():
                if any(name in line for name in _TABLES):
                    return None
                table = "another"  # [[listener]], [domain."example.org"]
        elif line and line[0] != "#":
            key, _, value = line.partition("=")
            key = key.strip()
            whole = f"{table}.{key}" if table else key
            if whole in _WANTED:
                value = value.strip()
                if len(value) < 2 or value[0] != '"' or value.find('"', 1) != len(value) - 1:
                    return None
                found[whole] = value[1:-1]
            elif (not table and any(name in line for name in _TABLES)) or (
                table in _TABLES and any(last in key for last in ("path", "directory", "socket"))
            ):
                return None
    return found


def _parsed(main: str, text: bytes) -> dict[str, str]:
    import tomllib

    try:
        tree = tomllib.loads(text.decode())
    except ValueError as error:
        raise Stop(CONFIG, f"{main}, or a file in conf.d beside it, is not TOML: {error}") from None
    found = {}
    for whole in _WANTED:
        table, _, key = whole.partition(".")
        values = tree.get(table)
        if isinstance(values, dict) and isinstance(values.get(key), str):
            found[whole] = values[key]
    return found
