"""A server that keeps every message as a file, in the manner of a Maildir: whole or not at all.

    python examples/keep_in_maildir.py [FOLDER [LISTEN]]

It says 250 only when the message is on disk, for a 250 is a promise (RFC 5321 §6.1).
"""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

import mailrail
from mailrail import reply as say


class Keep(mailrail.Handler):
    """Made for each session; what all sessions share comes in by the constructor."""

    def __init__(self, folder: Path, session: mailrail.SessionFacts) -> None:
        super().__init__(session)
        self._folder = folder
        self._kept = 0

    async def message(self, envelope: mailrail.Envelope, content: bytes) -> mailrail.Reply:
        self._kept += 1
        name = f"{self.session.session_id}.{self._kept}"
        top = f"Return-Path: <{envelope.reverse_path or ''}>\r\n"
        top += "".join(f"Delivered-To: {one.forward_path}\r\n" for one in envelope.recipients)
        # Disks are slow: the other sessions go on meanwhile.
        await asyncio.to_thread(self._write, name, top.encode() + content)
        return say.DONE.with_text(f"Kept as {name}")

    def _write(self, name: str, content: bytes) -> None:
        with (self._folder / "tmp" / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        (self._folder / "tmp" / name).rename(self._folder / "new" / name)
        # The new name itself must be on disk, too.
        directory = os.open(self._folder / "new", os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


async def main(folder: str = "Maildir", listen: str = "127.0.0.1:2525") -> None:
    for name in ("tmp", "new", "cur"):
        (Path(folder) / name).mkdir(parents=True, exist_ok=True)
    keep = partial(Keep, Path(folder))
    async with mailrail.Server(keep, hostname="mx.example.org", listen=listen) as server:
        print("listening on", server.endpoints[0], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        print("stopped")
