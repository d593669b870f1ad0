"""Floor 5 · doctor — the lookup tables: does each of them answer?"""

from collections.abc import Sequence
from typing import Final

from mailrail.doctor.api import Finding, Site, error, good, note
from mailrail.observe import Bus
from mailrail.tables import Doors, TableError, open_tables

_NOBODY: Final = "nobody@nowhere.invalid"  # RFC 2606 §2


async def tables(site: Site) -> Sequence[Finding]:
    """Ask each table for somebody whom nobody is."""
    if not site.settings.table:
        return [note("not checked: the settings have no tables")]
    opened = open_tables(site.settings.table, Doors(Bus(), site.network))
    found = []
    try:
        for name, table in opened.items():
            try:
                await table.look_up(_NOBODY)
            except TableError as trouble:
                why = f"mail that needs it is told to come later: {trouble}"
                mend = f"see that it runs, then: mailrail table look-up {name} KEY"
                found.append(error(f"table {name} does not answer", why, mend))
            else:
                found.append(good(f"table {name} answers: {table.describe()}"))
    finally:
        await opened.close()
    return found
