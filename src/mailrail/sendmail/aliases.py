"""Floor 5 · sendmail — `newaliases`: there is nothing to build, for alias files are read as they are, and again as soon as they change.

So it does what one runs it for: it says whether the files are good, with file and line of each fault, and has the running server look at
once.
"""

import asyncio

from mailrail.config import MailrailSettings
from mailrail.net import SocketNetwork
from mailrail.observe import Bus
from mailrail.sendmail.exits import OK
from mailrail.sendmail.operator import Server, SilentError
from mailrail.sendmail.options import Options
from mailrail.sendmail.stopped import settings_in
from mailrail.sendmail.whereabouts import Whereabouts
from mailrail.tables import Doors, TableLoaded, open_tables


def check_aliases(options: Options) -> int:
    """Check every table that is a file and return the exit code."""
    where = Whereabouts(options.settings)
    settings = settings_in(where.settings)  # which reads the files too, and tells each fault with its line
    if not asyncio.run(_tell_counts(settings)):
        print('no table is a file: name one by [table.NAME], kind = "aliases"')
    try:
        server = Server(where.admin)
    except SilentError:
        return OK  # it reads them when it is started
    try:
        server.reload()
    finally:
        server.close()
    return OK


async def _tell_counts(settings: MailrailSettings) -> int:
    """Say how much is in each file, and return how many there are."""
    files = {name: one for name, one in settings.table.items() if one.kind in ("aliases", "file")}
    bus = Bus()
    bus.listen(_tell, (TableLoaded,))
    await open_tables(files, Doors(bus, SocketNetwork(settings.net))).close()
    return len(files)


def _tell(event: object) -> None:
    assert isinstance(event, TableLoaded)
    print(f"{event.file}: {event.keys} keys")
