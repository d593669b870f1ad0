"""Where inputs begin: what the tests have as files anyway, and what a target keeps in its own folder."""

from codecs import escape_decode
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE.parent / "corpus"


def kept(target: str) -> list[Path]:
    """Return the inputs that were found or written for *target*."""
    return sorted((HERE / "corpus" / target).glob("*"))


def files(folder: str, pattern: str) -> Iterator[bytes]:
    """Go through the files of the tests' corpus."""
    for file in sorted((CORPUS / folder).glob(pattern)):
        yield file.read_bytes()


def said(folder: str, speaker: str) -> Iterator[bytes]:
    """Go through the dialogues: all that *speaker* ("C" or "S") says, as it stands on the wire."""
    for file in sorted((CORPUS / folder).glob("*.txt")):
        lines = file.read_text().splitlines()
        plain = [f"{line[3:]}\r\n".encode() for line in lines if line.startswith(f"{speaker}: ")]
        raw = [_unescaped(line[3:]) for line in lines if line.startswith(f"{speaker}~ ")]
        yield b"".join(plain)
        if raw:
            yield b"".join([*plain, *raw])


def _unescaped(text: str) -> bytes:
    return escape_decode(text.encode())[0]
