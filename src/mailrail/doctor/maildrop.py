"""Floor 5 · doctor — the maildrop: may those hand in mail who shall, is what they hand in taken up, and what was set aside?"""

import asyncio
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from mailrail.doctor.api import Finding, Site, error, good, note, warning
from mailrail.maildrop import ASIDE, NEW, is_name
from mailrail.pickup import Access
from mailrail.spool import Disk


async def maildrop(site: Site) -> Sequence[Finding]:
    """Can programs of this machine hand in mail?"""
    settings = site.settings.maildrop
    if settings.access is Access.NOBODY:
        return [note("programs of this machine cannot hand in mail", 'maildrop.access = "nobody"')]
    path = settings.path(site.settings.spool.path)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(None, lambda: list(_look(site, path, settings.access)))
    except FileNotFoundError:
        return [note(f"{path} is not there yet", "the server makes it at its first start")]
    except OSError as trouble:
        return [
            note(f"{path} could not be looked at", str(trouble), "run this as the user that mailrail runs as")
        ]
    return found or [good(f"{path} takes mail of {settings.access.value} by sendmail")]


def _look(site: Site, path: Path, access: Access) -> Iterator[Finding]:
    disk = site.disk
    mode = stat.S_IMODE(disk.status(path / NEW).st_mode)
    if access is Access.EVERYONE:
        yield from _ways(disk, path)
    if access is Access.OWNER and mode & 0o007:
        yield warning(
            f"everyone may make files in {path / NEW}",
            f"its mode is {mode:04o}, though maildrop.access says owner",
            "restart the server: it sets the mode",
        )
    if access is Access.EVERYONE and not mode & stat.S_ISGID:
        yield warning(
            f"files of others in {path / NEW} may be unreadable for the server",
            f"its mode is {mode:04o}: without the set-group-id bit they do not get its group",
            "restart the server: it sets the mode; if that does not help, name a maildrop.directory on another file system",
        )
    waiting = sum(map(is_name, disk.names(path / NEW)))
    if waiting and site.status is not None:
        yield warning(
            f"{waiting} files wait in {path / NEW} although the server runs",
            "what is handed in is taken up within seconds",
            "look for MaildropFailed in the log; if it runs with other settings, restart it",
        )
    aside = len(disk.names(path / ASIDE))
    if aside:
        yield warning(
            f"{aside} files were set aside in {path / ASIDE}",
            "they are no mail, or nobody could be told that they are refused: HandedInSetAside in the log says why",
            "look at them and remove them; what shall be sent after all can be moved to new/, under another name in small letters",
        )


def _ways(disk: Disk, path: Path) -> Iterator[Finding]:
    """Find a directory on the way that others cannot pass."""
    for directory in (path, *path.parents):
        mode = stat.S_IMODE(disk.status(directory).st_mode)
        if not mode & 0o001:
            yield error(
                f"others cannot reach the maildrop through {directory}",
                f"its mode is {mode:04o}, and maildrop.access says everyone",
                f"chmod o+x {directory}, or name another maildrop.directory",
            )
