"""Floor 5 · sendmail — where the maildrop and the operator's socket are, by the settings file.

To read TOML costs more time than all else that is done here. So it is only read where it can matter: as long as neither the spool nor the
maildrop has been moved, no such word stands in the files, and all is in its default place.
"""

import os

from mailrail.maildrop import LIMIT
from mailrail.sendmail.exits import CANNOT_CREATE, CONFIG, NO_PERMISSION, Stop

DEFAULT_SETTINGS = "/etc/mailrail/mailrail.toml"
DEFAULT_SPOOL = "/var/lib/mailrail"  # spool/settings.py says the same, and a test compares them
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
        spool = maildrop = admin = ""
        if any(map(_may_matter, texts)):
            spool, maildrop, admin = _paths(self.settings, texts)
        spool = spool or DEFAULT_SPOOL
        self.maildrop = maildrop or f"{spool}/maildrop"
        self.admin = admin or f"{spool}/admin.sock"

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


def _may_matter(text: bytes) -> bool:
    # A key may be written with escapes; nobody does.
    return (
        b"spool" in text
        or b"admin" in text
        or (b"maildrop" in text and b"directory" in text)
        or b"\\" in text
    )


def _paths(main: str, texts: list[bytes]) -> tuple[str, str, str]:
    import tomllib  # see above

    found: dict[tuple[str, str], str] = {}
    for text in texts:
        try:
            tree = tomllib.loads(text.decode())
        except ValueError as error:
            raise Stop(CONFIG, f"{main}, or a file in conf.d beside it, is not TOML: {error}") from None
        for table, key in (("spool", "path"), ("maildrop", "directory"), ("admin", "socket")):
            values = tree.get(table)
            if isinstance(values, dict) and isinstance(values.get(key), str):
                found[table, key] = values[key]
    return (
        found.get(("spool", "path"), ""),
        found.get(("maildrop", "directory"), ""),
        found.get(("admin", "socket"), ""),
    )
