"""Floor 5 · sendmail — hands in the message on standard input.

It is put into the maildrop whether the server runs or not: a message that is on disk cannot be lost between two programs, nor
sent twice because an answer was. Then the server is told and asked, so that what it refuses is known while the caller is still there.
"""

import os

from mailrail.maildrop import DropWriter, Handed
from mailrail.sendmail.content import Content, is_dropped, name_of, travelling_header
from mailrail.sendmail.door import ask, new_name
from mailrail.sendmail.exits import (
    CANNOT_CREATE,
    DATA,
    IO,
    NO_PERMISSION,
    NO_USER,
    OK,
    TEMPORARY,
    UNAVAILABLE,
    USAGE,
    Stop,
)
from mailrail.sendmail.options import Options
from mailrail.sendmail.recipients import recipients_in, sender_in
from mailrail.sendmail.whereabouts import Whereabouts

HEADER_BYTES = 256 * 1024  # limits.header_bytes by default; a server that allows less says so
_TO = (b"to", b"cc", b"bcc")
_RESENT_TO = (b"resent-to", b"resent-cc", b"resent-bcc")
# EDQUOT, ENOSPC: what goes by itself when there is space again.
_FULL = frozenset((28, 122))


def hand_in(options: Options) -> int:
    """Take the message, and return the exit code.

    Raises:
        Stop: it was not handed in; the text says why.
    """
    where = Whereabouts(options.settings)
    limit = where.limit_bytes()
    content = Content(_read, ends_at_dot=options.ends_at_dot)
    sender = None if options.sender is None else _sender(options.sender)
    given = recipients_of_words(options.recipients)
    if not given and not options.takes_recipients:
        raise Stop(USAGE, "name recipients on the command line, or say -t to take those in the header")
    fields = content.header(HEADER_BYTES)
    if fields is None:
        raise Stop(DATA, f"the header section has more than {HEADER_BYTES} octets")
    if options.takes_recipients:
        given += _recipients_of(fields)
    handed = Handed(
        list(dict.fromkeys(given)),
        sender=sender,
        name=_name(options),
        notify=options.notify,
        ret=options.ret,
        envid=options.envid,
    )
    if not handed.recipients:
        raise Stop(USAGE, "no recipient stands in To, Cc or Bcc")
    name = _write(where.maildrop, handed, fields, content, limit)
    return conclude(*ask(where.maildrop, name), is_verbose=options.is_verbose)


def _read(most: int) -> bytes:
    try:
        return os.read(0, most)
    except OSError as error:
        raise Stop(IO, f"the message cannot be read from standard input: {error.strerror}") from None


def _sender(text: str) -> str:
    try:
        return sender_in(text)
    except ValueError as error:
        raise Stop(DATA, f"sender {error}") from None


def recipients_of_words(words: list[str]) -> list[str]:
    """Return the addresses on a command line, each word of which may be a list.

    Raises:
        Stop: one cannot be read.
    """
    return [address for text in words for address in _recipients("recipient", text)]


def _recipients(what: str, text: str) -> list[str]:
    try:
        found = recipients_in(text)
    except ValueError as error:
        raise Stop(DATA, f"{what} {error}") from None
    if not found and what == "recipient":
        raise Stop(DATA, f"recipient {text!r} is no address")
    return found


def _recipients_of(fields: list[bytes]) -> list[str]:
    """Return those in the header; of a message that is sent on, the new ones only (RFC 5322 §3.6.6)."""
    names = _RESENT_TO if any(name_of(field) in _RESENT_TO for field in fields) else _TO
    found = []
    for field in fields:
        if (name := name_of(field)) in names:
            value = field.partition(b":")[2].decode("utf-8", "surrogateescape")
            found += _recipients(f"{name.decode().title()}:", value)
    return found


def _name(options: Options) -> str:
    """Return the full name for a From field, where there is none: of -F, or of the environment as Postfix has it."""
    name = options.name or os.environ.get("NAME", "")
    return "".join(letter for letter in name if letter.isprintable())


def _write(maildrop: str, handed: Handed, fields: list[bytes], content: Content, limit: int) -> str:
    """Write the file, and return its name.

    Raises:
        Stop: nothing was handed in.
    """
    name = new_name()
    try:
        drop = DropWriter(maildrop, name, handed)
    except ValueError as error:
        raise Stop(DATA, str(error)) from None
    except PermissionError:
        raise Stop(NO_PERMISSION, f"you may not hand in mail at {maildrop}") from None
    except OSError as error:
        raise Stop(_code(error, CANNOT_CREATE), f"{maildrop}: {error.strerror}") from None
    header = travelling_header([field for field in fields if not is_dropped(field)])
    try:
        _fill(drop, header, content, limit)
        drop.finish()
    except OSError as error:
        drop.discard()
        raise Stop(_code(error, IO), f"{maildrop}: {error.strerror}") from None
    except BaseException:
        drop.discard()
        raise
    return name


def _fill(drop: DropWriter, header: bytes, content: Content, limit: int) -> None:
    drop.write(header + b"\r\n")
    for block in content.body():
        drop.write(block)
        if drop.size_bytes > limit:
            raise Stop(UNAVAILABLE, f"the message is too big: {limit} octets are taken")


def _code(error: OSError, code: int) -> int:
    return TEMPORARY if error.errno in _FULL else code


def conclude(code: int, words: str, *, is_verbose: bool) -> int:
    """Return the exit code for the server's reply; what waits in the maildrop is a success.

    Raises:
        Stop: it was refused.
    """
    if code >= 500:
        # 5.1.x is about an address (RFC 3463 §3.2); 5.6.x about what is in the message.
        kind = words[:3]
        exit_code = {"5.1": NO_USER, "5.6": DATA, "5.7": NO_PERMISSION}.get(kind, UNAVAILABLE)
        raise Stop(exit_code, f"{code} {words}")
    if is_verbose:
        print(f"{code} {words}" if code else "handed in; the server will take it up when it is there")
    return OK
