"""Floor 2 · maildrop — the directory: what lies where in it.

new/      what was handed in; whoever may send can make files here, and nobody but the server can list them
taking/   what is being taken up, each under its queue id; the server's alone
aside/    what could not be taken: kept for the operator
limit     how large a message may be, in octets, as text
door      a socket: wakes the server, and tells what has become of a file
"""

NEW = "new"
TAKING = "taking"
ASIDE = "aside"
DOOR = "door"
LIMIT = "limit"

NAME_LETTERS = 64  # ours; a time, a process and 64 bits of chance take 40
_LETTERS = frozenset("0123456789abcdefghijklmnopqrstuvwxyz-")


def is_name(name: str) -> bool:
    """Tell whether *name* may be that of a finished file in `new/`; one that is being written begins with a dot."""
    return 0 < len(name) <= NAME_LETTERS and _LETTERS.issuperset(name)
