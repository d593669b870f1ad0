"""Floor 4 · pickup — makes sure that content ends its lines as it must: whoever writes a file himself smuggles nothing by it (A1, A2)."""

from mailrail.maildrop import DropError
from mailrail.smtp import is_clean


class LineWatch:
    """Looks at content block by block."""

    def __init__(self) -> None:
        self._has_cr = False
        self._end = b""

    def feed(self, block: bytes) -> None:
        """Look at the next block, at least one octet.

        Raises:
            DropError: a CR or LF stands alone, or there is a NUL.
        """
        text = b"\r" + block if self._has_cr else block
        self._has_cr = text.endswith(b"\r")
        if not is_clean(text[:-1] if self._has_cr else text) or b"\0" in text:
            raise DropError("a CR or LF stands alone in it, or there is a NUL")
        self._end = text[-2:]

    def finish(self) -> None:
        """Look at the end.

        Raises:
            DropError: the last line has no end.
        """
        if self._end != b"\r\n":
            raise DropError("its last line has no end")
