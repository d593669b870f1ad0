"""Floor 4 · agents — one run of a program: without a shell, with a clean environment, bounded in output. Blocks.

It has a session of its own, so that its children can be ended with it. What it writes is read until it ends, and no longer: a
child that lives on and holds the pipe open holds up nobody. It is another account than ours from its first instruction on. How long it
may take is known to whoever called: he gives it up.
"""

import contextlib
import os
import select
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from mailrail.agents.accounts import Account

OUTPUT_OCTETS: Final = 4096  # kept; Postfix pipe_command keeps as much
_LOOK_S: Final = 0.1  # how soon the end of a program is seen that keeps its output open, or gave it away
_READ_OCTETS: Final = 65_536


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Attributes:
        code: its exit code, or minus the signal that ended it.
        output: what it wrote to standard output and standard error, the first OUTPUT_OCTETS.
    """

    code: int
    output: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """What is run.

    Attributes:
        account: as whom, None: as we are.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    account: Account | None


class Program:
    """A program that runs once."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_given_up = False

    def run(self, message: IO[bytes]) -> Ended:
        """Run it with *message* on its standard input.

        Raises:
            OSError: it cannot be begun.
        """
        message.seek(0)
        with self._turn:
            if self._is_given_up:
                return Ended(-signal.SIGKILL, b"")
            self._process = process = self._begin(message)
        assert process.stdout is not None
        output, is_open = b"", True
        with process.stdout as pipe:
            while True:
                is_over = self._is_over(process)  # asked first: what it wrote before its end is read below
                if select.select([pipe] if is_open else [], [], [], 0 if is_over else _LOOK_S)[0]:
                    piece = os.read(pipe.fileno(), _READ_OCTETS)
                    is_open, output = bool(piece), (output + piece)[:OUTPUT_OCTETS]
                elif is_over:
                    return Ended(process.returncode, output)
                if is_over and (not is_open or len(output) == OUTPUT_OCTETS):
                    return Ended(process.returncode, output)

    def give_up(self) -> None:
        """End it and its children, from any thread."""
        with self._turn:
            self._is_given_up = True
            process = self._process
            if process is not None and process.poll() is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _is_over(self, process: "subprocess.Popen[bytes]") -> bool:
        with self._turn:  # once it is reaped its number may be another's, which must not be killed
            return process.poll() is not None

    def _begin(self, message: IO[bytes]) -> "subprocess.Popen[bytes]":
        call, account = self._call, self._call.account
        return subprocess.Popen(  # noqa: S603 -- it is what the operator named, without a shell
            list(call.arguments),
            stdin=message.fileno(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=call.directory,
            env=dict(call.environment),
            start_new_session=True,
            umask=0o077,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else account.groups,
        )
