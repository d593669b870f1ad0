"""Floor 5 · doctor — the people who may log in: is there a door for them, and is there anybody?"""

from collections.abc import Sequence

from mailrail.config import Role
from mailrail.directory import DirectoryError, open_directory, read_file
from mailrail.doctor.api import Finding, Site, error, good, note, warning
from mailrail.model import SettingsError
from mailrail.observe import Bus


async def _elsewhere(site: Site, doors: Sequence[str]) -> Finding:
    """Ask the source of users, where it is no file of ours."""
    directory = open_directory(site.settings.users, None, Bus(), site.rng, site.network, site.clock)
    assert directory is not None, "no source of users"
    where = directory.describe()
    try:
        if not await directory.probe():
            return note(f"not checked: {where} can only be asked with a password or token")
    except DirectoryError as trouble:
        return error(
            f"{where} does not answer",
            f"nobody can log in now: {trouble}",
            "see that it runs, and that users.* names it and our password there as they are",
        )
    finally:
        await directory.close()
    if not doors:
        return _no_door(f"those of {where}")
    return good(f"{where} answers; its users may log in at {', '.join(doors)}")


def _no_door(who: str) -> Finding:
    return warning(
        f"{who} may log in, and no listener takes logins",
        'only role = "submission" does',
        'add a [[listener]] with role = "submission" at port 465',
    )


async def users(site: Site) -> Sequence[Finding]:
    """Can somebody log in where logins are for?"""
    settings = site.settings
    doors = [one.address for one in settings.listener if one.role is Role.SUBMISSION]
    file = settings.users.file
    if file is None and settings.users.is_on:
        return [await _elsewhere(site, doors)]
    if file is None:
        if doors and not settings.relay.networks:
            why = "there are no users, and relay.networks is empty"
            return [
                warning(
                    f"nobody can send by {', '.join(doors)}",
                    why,
                    "name a file by users.file, then: mailrail user add NAME",
                )
            ]
        return [note("not checked: the settings name no users")]
    try:
        known = read_file(file)
    except SettingsError as trouble:
        return [
            error(
                f"{file} cannot be used",
                str(trouble),
                "give it to the user that mailrail runs as, and: chmod 600",
            )
        ]
    if not known:
        return [
            note(
                f"nobody is in {file}", "nobody can log in", f"mailrail user add NAME --config {site.config}"
            )
        ]
    if not doors:
        return [_no_door(str(len(known)))]
    return [good(f"{len(known)} may log in at {', '.join(doors)}")]
