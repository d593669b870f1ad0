"""Floor 2 · maildrop — one message in a file: its envelope, then its content, then a sum over both.

    mailrail 1                      version
    sender ann@example.org          empty: the null reverse-path; no such line: the owner of the file
    name Ann Lee                    for a From field that is missing
    to bob@example.org              a recipient; a line for each
    notify SUCCESS,FAILURE          wishes of RFC 3461, checked already
    ret HDRS
    envid QQ314159
                                    an empty line
    ... content, every line ended by CRLF ...
    00000000000004d2 9ae0daaf       octets of the content, CRC-32 of all before

Who wrote it is not in the file but is its owner, which nobody can give away. The sum is against accidents: a
file that was cut short or mixed up is never taken for mail.
"""

VERSION = b"mailrail 1\n"
HEAD_BYTES = 4 * 1024 * 1024  # ours; over ten thousand recipients
TRAILER_BYTES = 26
_ONCE = ("sender", "name", "notify", "ret", "envid")


class DropError(ValueError):
    """A file is not, or not any more, what was handed in."""


class Handed:
    """What stands in front of the content.

    Attributes:
        recipients: addresses, with or without a domain.
        sender: reverse-path; "" is the null one, None: the owner of the file.
        name: full name for a From field that is missing, "" for none.
        notify: the value of NOTIFY, "" for none (RFC 3461 §4.1).
        ret: the value of RET, "" for none (RFC 3461 §4.3).
        envid: decoded, "" for none (RFC 3461 §4.4).
    """

    __slots__ = ("envid", "name", "notify", "recipients", "ret", "sender")

    def __init__(
        self,
        recipients: list[str],
        *,
        sender: str | None = None,
        name: str = "",
        notify: str = "",
        ret: str = "",
        envid: str = "",
    ) -> None:
        self.recipients = recipients
        self.sender = sender
        self.name = name
        self.notify = notify
        self.ret = ret
        self.envid = envid

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handed) and _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(str(_values(self)))

    def __repr__(self) -> str:
        return f"Handed{_values(self)}"


def _values(handed: Handed) -> tuple[object, ...]:
    return tuple(getattr(handed, name) for name in Handed.__slots__)


def format_head(handed: Handed) -> bytes:
    """Write what stands in front of the content.

    Raises:
        ValueError: a value has a line end in it, or there are too many recipients.
    """
    lines = [VERSION.decode().rstrip("\n")]
    for key in _ONCE:
        value: str | None = getattr(handed, key)
        if value is not None and (value or key == "sender"):
            lines.append(f"{key} {value}")
    lines += [f"to {recipient}" for recipient in handed.recipients]
    text = "\n".join(lines)
    if text.count("\n") != len(lines) - 1 or "\r" in text or "\0" in text:
        raise ValueError("an address or a name has a line end in it")
    head = f"{text}\n\n".encode("utf-8", "surrogateescape")
    if len(head) > HEAD_BYTES:
        raise ValueError(f"recipients take {len(head)} octets, and {HEAD_BYTES} is the most")
    return head


def parse_head(octets: bytes) -> tuple[Handed, int]:
    """Read what stands in front of the content, and where that begins.

    Args:
        octets: the file from its begin, HEAD_BYTES of it or all.

    Raises:
        DropError: it is no such file.
    """
    if not octets.startswith(VERSION):
        raise DropError("it does not begin as mail that was handed in, or is of another version")
    end = octets.find(b"\n\n", len(VERSION) - 1, HEAD_BYTES)
    if end < 0:
        raise DropError("its envelope has no end")
    try:
        lines = octets[len(VERSION) : end].decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise DropError("its envelope is not UTF-8") from None
    handed = Handed([])
    seen: set[str] = set()
    for line in lines:
        key, space, value = line.partition(" ")
        if not space or "\r" in value or "\0" in value:
            raise DropError(f"{line[:80]!r} in its envelope is nothing that is known")
        if key == "to":
            handed.recipients.append(value)
        elif key in _ONCE and key not in seen:
            seen.add(key)
            setattr(handed, key, value)
        else:
            raise DropError(f"{key[:80]!r} in its envelope is nothing that is known, or stands twice")
    if not handed.recipients:
        raise DropError("it has no recipient")
    return handed, end + 2


def format_trailer(size_bytes: int, crc: int) -> bytes:
    """Write what stands behind the content.

    Args:
        size_bytes: of the content.
        crc: CRC-32 of the head and the content.
    """
    return b"%016x %08x\n" % (size_bytes, crc)


def parse_trailer(octets: bytes) -> tuple[int, int]:
    """Read the size of the content and the sum over all before.

    Raises:
        DropError: it is none: the file was cut short.
    """
    try:
        size_bytes, crc = int(octets[:16], 16), int(octets[17:25], 16)
    except ValueError:
        raise DropError("it has no end: it was cut short") from None
    if octets != format_trailer(size_bytes, crc):
        raise DropError("it has no end: it was cut short")
    return size_bytes, crc
