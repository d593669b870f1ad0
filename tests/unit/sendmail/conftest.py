"""A maildrop in a temporary directory, and programs that run in this process."""

from pathlib import Path

import pytest

from mailrail.maildrop import ASIDE, LIMIT, NEW, TAKING, TRAILER_BYTES, Handed, parse_head
from mailrail.sendmail import handing_in
from mailrail.sendmail.program import run


class House:
    """A settings file with a maildrop that no server looks into."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.maildrop = base / "spool" / "maildrop"
        for name in (NEW, TAKING, ASIDE):
            (self.maildrop / name).mkdir(parents=True)
        self.allow(100_000)
        self.settings = base / "mailrail.toml"
        self.settings.write_text(f'hostname = "mx.example"\nspool.path = "{base / "spool"}"\n')
        self.reply = (0, "")
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("MAILRAIL_CONFIG", str(self.settings))
        monkeypatch.delenv("NAME", raising=False)

    def allow(self, size_bytes: int) -> None:
        """Say how large a message may be."""
        (self.maildrop / LIMIT).write_text(str(size_bytes))

    def sendmail(self, *words: str, message: bytes = b"Subject: x\n\nhello\n") -> int:
        """Run the program with *message* on standard input."""
        rest = [message]

        def read(_most: int) -> bytes:
            taken, rest[0] = rest[0], b""
            return taken

        self._monkeypatch.setattr(handing_in, "_read", read)
        self._monkeypatch.setattr(handing_in, "ask", lambda _maildrop, _name: self.reply)
        return run("sendmail", list(words))

    def handed_in(self) -> list[tuple[Handed, bytes]]:
        """Return what lies in the maildrop, oldest first; nothing may be left of what was given up."""
        found = []
        for path in sorted((self.maildrop / NEW).iterdir()):
            assert not path.name.startswith(".")
            handed, begin = parse_head(path.read_bytes())
            found.append((handed, path.read_bytes()[begin:-TRAILER_BYTES]))
        return found


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, monkeypatch)
