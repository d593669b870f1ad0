"""A Postfix out of texts, and what it became."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailrail.migrate import Fate, Imported, Postfix, Subject, import_postfix

HOME = Path("/etc/mailrail")
HOST = "mx1.example.com"
MASTER = "smtp inet n - n - - smtpd\n"


def imported(main: str, master: str = MASTER, directory: Path = Path("/nowhere"), **tables: str) -> Imported:
    """Import a Postfix whose main.cf is *main*, behind a name and no local domains.

    Args:
        directory: where *tables* are put, by name, to be named as /etc/postfix/NAME.
    """
    for name, text in tables.items():
        (directory / name).write_text(text)
    head = f"compatibility_level = 3.6\nmyhostname = {HOST}\n"
    if "mydestination" not in main:
        head += "mydestination =\n"
    return import_postfix(Postfix(directory, head + main, master, host_name="here.example.net"), HOME)


def settings(result: Imported) -> dict[str, Any]:
    return tomllib.loads(result.toml)


def fates(result: Imported, name: str) -> Mapping[str, Fate]:
    """Return what became of a parameter, by its parts; "" for the whole."""
    return {entry.subject.part: entry.fate for entry in result.report.entries if entry.subject.name == name}


def words(result: Imported, name: str, part: str = "", service: str = "") -> str:
    (found,) = (e for e in result.report.entries if e.subject == Subject(name, part, service))
    return found.text
