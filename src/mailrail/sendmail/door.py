"""Floor 5 · sendmail — knocks at the maildrop's door, and hears what has become of a file.

Where nobody answers nothing is lost: the file is on disk, and is taken up when the server is there.
"""

# The module below `socket`, which is imported in a tenth of the time.
import _socket
import os

from mailrail.maildrop import DOOR

WAIT_S = 15.0  # ours; a server that takes longer is busy, and whoever called should go on
_LINE_OCTETS = 4096


def ask(maildrop: str, name: str) -> tuple[int, str]:
    """Return the server's reply about the file *name*: code and words; 0 where there was none."""
    door = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        door.settimeout(WAIT_S)
        door.connect(f"{maildrop}/{DOOR}")
        door.send(f"{name}\n".encode())  # a hundred octets: they go at once
        line = b""
        while not line.endswith(b"\n") and len(line) < _LINE_OCTETS:
            octets = door.recv(_LINE_OCTETS)
            if not octets:
                break
            line += octets
        if line[:1] == b"5" and line.endswith(b"\n"):
            door.send(
                b"heard\n"
            )  # else the server keeps the file, for it cannot know that we have told the caller
    except (OSError, TimeoutError):
        return 0, ""
    finally:
        door.close()
    code, _, words = line.decode(errors="replace").rstrip("\n").partition(" ")
    return (int(code), words) if code.isdecimal() and line.endswith(b"\n") else (0, "")


def new_name() -> str:
    """Return a name for a file that nobody can guess; names are ordered by time, so that mail is taken up in order."""
    return f"{_now_ns():016x}-{os.getpid():x}-{os.urandom(8).hex()}"


def _now_ns() -> int:
    import time  # built in

    return time.time_ns()
