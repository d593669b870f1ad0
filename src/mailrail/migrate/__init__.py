"""Floor 5 · migrate — what another mail system is configured to do, as settings of mailrail, and a report on every line of it."""

from mailrail.migrate.draft import File
from mailrail.migrate.importing import Imported, import_postfix
from mailrail.migrate.postfix import Postfix, defaults, read_postfix
from mailrail.migrate.report import Entry, Fate, Report, Subject

__all__ = [
    "Entry",
    "Fate",
    "File",
    "Imported",
    "Postfix",
    "Report",
    "Subject",
    "defaults",
    "import_postfix",
    "read_postfix",
]
