"""A client that sends exactly the octets it is told to, and reads whole replies."""

import socket
from typing import Self

TIMEOUT_S = 20.0


class RawClient:
    """One connection; a context manager. The greeting is read when it is made."""

    def __init__(self, host: str, port: int, *, timeout_s: float = TIMEOUT_S) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        self._stream = self._socket.makefile("rb")
        self.greeting = self.reply()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up without a word."""
        self._stream.close()
        self._socket.close()

    def send(self, octets: bytes) -> None:
        """Send and read nothing."""
        self._socket.sendall(octets)

    def reply(self) -> str:
        """Read one reply, its lines joined by newlines; "" when the server has hung up."""
        lines: list[str] = []
        while True:
            try:
                line = self._stream.readline()
            except ConnectionResetError:
                line = b""
            if not line:
                return "\n".join(lines)
            lines.append(line.decode("ascii").rstrip("\r\n"))
            if line[3:4] != b"-":
                return "\n".join(lines)

    def say(self, line: str | bytes) -> str:
        """Send one command and read its reply."""
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def say_all(self, *lines: str) -> str:
        """Send commands one by one, each of which must succeed; return the last reply."""
        reply = ""
        for line in lines:
            reply = self.say(line)
            assert reply[:1] in ("2", "3"), f"{line!r} was answered {reply!r}"
        return reply

    def rest(self) -> str:
        """Read until the server hangs up."""
        text = b""
        try:
            while more := self._stream.read(65536):
                text += more
        except ConnectionResetError:
            pass
        return text.decode("ascii", "replace")
