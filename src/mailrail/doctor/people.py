"""Floor 5 · doctor — the people who may log in: is there a door for them, and is there anybody?"""

from collections.abc import Sequence

from mailrail.config import Role
from mailrail.directory import read_file
from mailrail.doctor.api import Finding, Site, error, good, note, warning
from mailrail.model import SettingsError


async def users(site: Site) -> Sequence[Finding]:
    """Can somebody log in where logins are for?"""
    settings = site.settings
    doors = [one.address for one in settings.listener if one.role is Role.SUBMISSION]
    file = settings.users.file
    if file is None and settings.users.is_on:
        return [note("not checked: users come from elsewhere, not from a file")]
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
        return [
            warning(
                f"{len(known)} may log in, and no listener takes logins",
                'only role = "submission" does',
                'add a [[listener]] with role = "submission" at port 465',
            )
        ]
    return [good(f"{len(known)} may log in at {', '.join(doors)}")]
