"""Floor 5 · cli — the program `mailrail`: every command, and what it says when something is wrong.

Law: a command imports what it needs when it runs, so that `--help` is there at once; errors go to
standard error and name what to mend; the exit code is one of sysexits.h.
"""

from mailrail.cli.entry import main

__all__ = ["main"]
