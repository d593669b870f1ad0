"""Floor 1 · smtp — what stands in a command line: the verb, and what MAIL and RCPT say.

Pure functions of the line and of what was offered. The same senders, recipients and words come again and again, so what
was read once is kept for a while; its events are therefore shared, and never changed.
"""

from functools import lru_cache
from typing import Final

from mailrail.model import AddressError, Reply
from mailrail.model import reply as say
from mailrail.smtp.events import Mail, Rcpt
from mailrail.smtp.params import ParameterError, parse_mail, parse_rcpt
from mailrail.smtp.paths import parse_forward_path, parse_reverse_path, split_path

# Lines kept of each kind: what all sessions say within a second or so; at most 2 MiB, were all as long as they may be.
KEPT: Final = 1024


def command_words(line: bytes) -> tuple[str, str] | str:
    """Return verb and arguments of *line*, which ends with CRLF; or why it is no command.

    The verb is in capitals; the arguments have no spaces at their end.
    """
    try:
        text = line[:-2].decode()
    except UnicodeDecodeError:
        return "Not UTF-8"
    if not text.isprintable():
        return "Control characters in a command"
    verb, _, rest = text.partition(" ")
    # ASCII only: U+0131, a dotless i, is "I" in capitals, and QUıT no command.
    return verb.upper() if verb.isascii() else verb, rest.rstrip(" ")


@lru_cache(maxsize=KEPT)
def read_mail(arguments: str, keywords: frozenset[str]) -> Mail | Reply:
    """Read what stands behind MAIL; a Reply says why it cannot be taken.

    Args:
        keywords: of the EHLO answer: whose parameters there are.
    """
    if arguments[:5].upper() != "FROM:":
        return say.BAD_ARGUMENTS.with_text("Syntax: MAIL FROM:<address>")
    try:
        inner, words = split_path(arguments[5:])
        reverse_path = parse_reverse_path(inner)
        parameters = parse_mail(words, keywords)
    except AddressError as error:
        return say.BAD_SENDER.with_text(f"Bad sender address syntax: {error}")
    except ParameterError as error:
        return _bad_parameter(error)
    if not parameters.smtputf8 and not inner.isascii():
        return say.NEEDS_SMTPUTF8
    return Mail(reverse_path, parameters)


@lru_cache(maxsize=KEPT)
def read_rcpt(arguments: str, keywords: frozenset[str], smtputf8: bool) -> Rcpt | Reply:
    """Read what stands behind RCPT; a Reply says why it cannot be taken.

    Args:
        keywords: of the EHLO answer: whose parameters there are.
        smtputf8: MAIL had it.
    """
    if arguments[:3].upper() != "TO:":
        return say.BAD_ARGUMENTS.with_text("Syntax: RCPT TO:<address>")
    try:
        inner, words = split_path(arguments[3:])
        forward_path = parse_forward_path(inner)
        parameters = parse_rcpt(words, keywords)
    except AddressError as error:
        return say.BAD_RECIPIENT.with_text(f"Bad recipient address syntax: {error}")
    except ParameterError as error:
        return _bad_parameter(error)
    if not smtputf8 and not arguments.isascii():  # RFC 6533 §3: nor may ORCPT have UTF-8 then
        return say.NEEDS_SMTPUTF8
    return Rcpt(forward_path, parameters)


def _bad_parameter(error: ParameterError) -> Reply:
    reply = say.UNKNOWN_PARAMETER if error.is_unknown else say.BAD_ARGUMENTS
    return reply.with_text(str(error))
