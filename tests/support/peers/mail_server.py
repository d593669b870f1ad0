"""What every real mail server of this harness offers: an address, a log, the mail that arrived."""

import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers.processes import PAUSE_S, PeerError, Program

MAIL_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """One running peer. Mail for the domains it takes ends as files in `mail`, envelope in the first lines."""

    host: str
    port: int
    hostname: str
    folder: Path
    maildir: Path
    log_file: Path
    program: Program

    @property
    def address(self) -> str:
        """`host:port`, as settings files want it."""
        return f"{self.host}:{self.port}"

    def log(self) -> str:
        """All that it logged so far, and what it printed."""
        logged = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        return logged + self.program.printed()

    def mail(self) -> list[bytes]:
        """The messages that arrived, oldest first; line ends are LF, as the peers store them."""
        files = list(self.maildir.glob("new/*"))
        return [one.read_bytes() for one in sorted(files, key=lambda one: (one.stat().st_mtime_ns, one.name))]

    def wait_for_mail(self, count: int = 1, timeout_s: float = MAIL_TIMEOUT_S) -> list[bytes]:
        """Wait until *count* messages have arrived and return all there are.

        Raises:
            PeerError: fewer came in time; the text holds the log.
        """
        deadline = time.monotonic() + timeout_s
        while len(self.mail()) < count:
            if time.monotonic() > deadline:
                raise PeerError(f"{len(self.mail())} of {count} messages in {timeout_s} s:\n{self.log()}")
            time.sleep(PAUSE_S)
        return self.mail()

    def wait_for_log(self, text: str, timeout_s: float = MAIL_TIMEOUT_S) -> str:
        """Wait until the log holds *text* and return the log.

        Raises:
            PeerError: it did not in time.
        """
        deadline = time.monotonic() + timeout_s
        while text not in self.log():
            if time.monotonic() > deadline:
                raise PeerError(f"no {text!r} in the log within {timeout_s} s:\n{self.log()}")
            time.sleep(PAUSE_S)
        return self.log()
