"""Floor 5 · cli — `mailrail queue`: the table of its commands."""

from typing import Final

from mailrail.cli.lazy import Lazy, group

_SEE: Final = "mailrail.cli.queue_see"
_CHANGE: Final = "mailrail.cli.queue_change"
_COMMANDS: Final = {
    "list": Lazy(_SEE, "list_items", "List what waits."),
    "show": Lazy(_SEE, "show", "Show everything about messages."),
    "stats": Lazy(_SEE, "stats", "Sum up by destination."),
    "hold": Lazy(_CHANGE, "hold", "Keep mail back until it is released."),
    "release": Lazy(_CHANGE, "release", "End a hold."),
    "retry": Lazy(_CHANGE, "retry", "Try mail now."),
    "delete": Lazy(_CHANGE, "delete", "Remove mail without a notice to anybody."),
    "bounce": Lazy(_CHANGE, "bounce", "Return mail to its senders with a notice."),
}


@group(_COMMANDS)
def queue() -> None:
    """See and change what waits to be delivered.

    A line of the queue is an item: one message at one destination. While no server runs, the commands read
    and change the stored queue directly.

    \b
    Examples:
      mailrail queue list --domain example.org
      mailrail queue show 0B3kTzq81WX
      mailrail queue retry --all
      mailrail queue bounce --sender spammer@example.net
    """
