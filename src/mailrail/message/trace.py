"""Floor 1 · message — the lines we add on top: Received, Return-Path, and ids for those who have none.

What a peer said of itself goes into our trace header, so every word of it is made harmless
first: printable, no comment or line can be opened or closed by it, and short (A78).
Source: RFC 5321 §4.4.
"""

import re
from functools import lru_cache
from typing import Final

from mailrail.model import Address, Origin, QueueId

HELO_OCTETS: Final = 255  # RFC 5321 §4.5.3.1.2: no domain is longer
_FOLD: Final = "\r\n\t"
_PLAIN_HELO: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
_UNSAFE_HELO: Final = re.compile(r"[^A-Za-z0-9._:\[\]-]")
_UNSAFE_COMMENT: Final = re.compile(r"[^A-Za-z0-9._:+/=, -]")


def protocol_keyword(*, lmtp: bool, extended: bool, utf8: bool, tls: bool, auth: bool) -> str:
    """Return the `with` keyword of Received.

    Args:
        lmtp: the session speaks LMTP.
        extended: it said EHLO or LHLO, not HELO.
        utf8: this transaction has SMTPUTF8.
        tls: it is encrypted.
        auth: the client has authenticated.

    Source: RFC 3848, RFC 6531 §4.3. They know no keyword for HELO over TLS: it is plain SMTP.
    """
    if not lmtp and not extended:
        return "SMTP"
    base = ("UTF8LMTP" if utf8 else "LMTP") if lmtp else ("UTF8SMTP" if utf8 else "ESMTP")
    return f"{base}{'S' if tls else ''}{'A' if auth else ''}"


def received_line(
    origin: Origin,
    hostname: str,
    queue_id: QueueId,
    date: str,
    *,
    tls: str = "",
    recipient: Address | None = None,
    priority: int = 0,
) -> bytes:
    """Build our Received field, folded, CRLF at its end.

    Args:
        origin: client address, HELO and protocol keyword; with an empty `client` the peer is
            on this machine and only its HELO, if any, is told.
        hostname: ours.
        date: from `date_text`.
        tls: version and cipher, for people; "" when there was none.
        recipient: the only recipient, or None: with several, one must not learn of the others
            (RFC 5321 §7.2). Left out too where the field could not stay ASCII.
        priority: of the message (RFC 6710 §7); 0 goes without saying.
    """
    protocol = origin.protocol
    opening = _opening(origin.helo, origin.client, hostname, protocol, tls)
    whom = ""
    if recipient is not None and (recipient.text.isascii() or protocol[:4] == "UTF8"):
        whom = f"{_FOLD}for <{recipient.text}>"
    if priority:
        whom += f"{_FOLD}PRIORITY {priority}"
    return f"{opening}{queue_id}{whom};{_FOLD}{date}\r\n".encode()


@lru_cache(maxsize=256)  # a pure function of what a session is like: all of its messages begin so
def _opening(helo: str, client: str, hostname: str, protocol: str, tls: str) -> str:
    """Return the field up to the queue id."""
    lines = _from_lines(helo, client)
    if tls:
        lines.append(f"(using {_UNSAFE_COMMENT.sub('?', tls[:100])})")
    lines.append(f"by {hostname} with {protocol} id ")
    return f"Received: {_FOLD.join(lines)}"


def _from_lines(helo: str, client: str) -> list[str]:
    if not _PLAIN_HELO.fullmatch(helo):
        helo = _UNSAFE_HELO.sub("?", helo[:HELO_OCTETS])
    if not client:
        return [f"from {helo}"] if helo else []
    literal = f"[IPv6:{client}]" if ":" in client else f"[{client}]"
    return [f"from {helo or 'unknown'} ({literal})"]


def return_path_line(reverse_path: Address | None) -> bytes:
    """Build the Return-Path field that final delivery puts on top (RFC 5321 §4.4); None is `<>`."""
    return f"Return-Path: <{reverse_path or ''}>\r\n".encode()


def message_id(queue_id: QueueId, hostname: str) -> str:
    """Return a Message-ID, angle brackets included, for a message that has none (RFC 6409 §8.3)."""
    return f"<{queue_id}@{hostname}>"
