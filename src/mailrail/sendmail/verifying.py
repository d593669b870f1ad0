"""Floor 5 · sendmail — `sendmail -bv ADDRESS`: what would become of mail for an address that a program here hands in."""

from mailrail.cli.entry import run
from mailrail.sendmail.exits import USAGE, Stop
from mailrail.sendmail.handing_in import recipients_of_words
from mailrail.sendmail.options import Options
from mailrail.sendmail.stopped import settings_in
from mailrail.sendmail.whereabouts import Whereabouts


def verify(options: Options) -> int:
    """Explain each address and return the exit code."""
    file = Whereabouts(options.settings).settings
    addresses = recipients_of_words(options.recipients)
    if not addresses:
        raise Stop(USAGE, "-bv wants addresses")
    settings = settings_in(file)
    origin = settings.maildrop.origin or settings.hostname
    whole = [address if "@" in address else f"{address}@{origin}" for address in addresses]
    return max(run(["explain", "--local", "--config", file, address]) for address in whole)
