"""Floor 5 · sendmail — where the programs begin and end: `sendmail`, `mailq`, `newaliases`, by the name they are called by."""

import os
import sys

from mailrail.sendmail import options as mode
from mailrail.sendmail.exits import IO, OK, TEMPORARY, Stop
from mailrail.sendmail.options import Options, read_options


def main() -> int:
    """Run the program and return its exit code."""
    program = sys.argv[0].rpartition("/")[2]
    return run(program, sys.argv[1:])


def run(program: str, words: list[str]) -> int:
    """Run one command line; errors are told on standard error, where cron and PHP look for them."""
    try:
        code = _do(read_options(program, words))
        sys.stdout.flush()
    except Stop as stop:
        _complain(program, str(stop))
        return stop.code
    except KeyboardInterrupt:
        return TEMPORARY
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return IO
    return code


def _do(options: Options) -> int:
    """Load what the mode needs, and nothing else."""
    if options.mode == mode.SEND:
        from mailrail.sendmail.handing_in import hand_in as work
    elif options.mode == mode.QUEUE:
        from mailrail.sendmail.listing import list_queue as work
    elif options.mode == mode.FLUSH:
        from mailrail.sendmail.flushing import flush as work
    elif options.mode == mode.ALIASES:
        from mailrail.sendmail.aliases import check_aliases as work
    elif options.mode == mode.SMTP:
        from mailrail.sendmail.pipe import speak as work
    elif options.mode == mode.VERIFY:
        from mailrail.sendmail.verifying import verify as work
    else:
        return OK
    return work(options)


def _complain(program: str, text: str) -> None:
    clean = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
    try:
        print(f"{program}: {clean}", file=sys.stderr)
    except OSError:
        return  # nobody listens; the exit code tells
