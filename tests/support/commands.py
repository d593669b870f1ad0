"""sendmail, mailq and newaliases as a system has them: links to one program, found by name."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TIMEOUT_S = 60.0
_PROGRAM = "from mailrail.sendmail import main\nimport sys\nsys.exit(main())\n"


class Commands:
    """A directory with the three programs.

    Args:
        base: an empty directory.
        config: the settings that they go by.
        python: the interpreter; the programs need nothing but the standard library.
    """

    def __init__(self, base: Path, config: Path, python: str = sys.executable) -> None:
        self.directory = base
        program = base / "mailrail-sendmail"
        program.write_text(f"#!{python}\n{_PROGRAM}")
        program.chmod(0o755)
        for name in ("sendmail", "mailq", "newaliases"):
            (base / name).symlink_to(program)
        self.environment: Mapping[str, str] = {
            **os.environ,
            "MAILRAIL_CONFIG": str(config),
            "LC_ALL": "C.UTF-8",
        }

    @property
    def sendmail(self) -> str:
        """Its path."""
        return str(self.directory / "sendmail")

    def run(
        self, name: str, *words: str, stdin: bytes = b"", under: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one of them to its end.

        Args:
            under: a command that runs it, such as setpriv.
        """
        return subprocess.run(
            [*under, str(self.directory / name), *words],
            input=stdin, capture_output=True, timeout=TIMEOUT_S, check=False, env=self.environment,
        )  # fmt: skip

    def send(self, *words: str, message: bytes) -> None:
        """Run sendmail; it must succeed and say nothing."""
        done = self.run("sendmail", *words, stdin=message)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
