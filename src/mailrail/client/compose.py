"""Floor 2 · client — from what a program has (EmailMessage or bytes) to envelope and content.

Bytes travel as they are, with two exceptions: a bare LF becomes CRLF, for that is how text is kept on this
side of the wire, and Bcc fields go, for they name whom nobody is to know. A bare CR is refused: what was
meant by it, nobody can tell (A5).
"""

import copy
from collections.abc import Iterable, Sequence
from email.headerregistry import AddressHeader
from email.message import EmailMessage, Message
from email.parser import HeaderParser
from email.policy import SMTP, SMTPUTF8

from mailrail.client.errors import CannotSend
from mailrail.client.options import SendOptions
from mailrail.message import fields, needs_smtputf8
from mailrail.model import Address, AddressError, Body, Envelope, Recipient, parse_address
from mailrail.smtp import Stage, is_clean

_SECRET = frozenset({b"bcc", b"resent-bcc"})


def compose(
    message: EmailMessage | Message | bytes,
    sender: str | None,
    recipients: Sequence[str] | str | None,
    options: SendOptions,
) -> tuple[Envelope, bytes]:
    """Make the envelope and the bytes to send.

    Args:
        message: an old-style Message (MIMEText and its kin) will do; Resent- fields are not looked at.
        sender: reverse-path; "" is the null reverse-path; None: the message's Sender, else its From.
        recipients: one or several; None: everybody in To, Cc and Bcc.

    Raises:
        CannotSend: an address is none, nobody is named, or the bytes have a bare CR.
        TypeError: *message* is text: nobody knows in which encoding.
    """
    if not isinstance(message, EmailMessage | Message | bytes):
        raise TypeError(f"a message is an EmailMessage or bytes, not {type(message).__name__}")
    if not isinstance(message, EmailMessage | bytes):
        # Its fields are bare text; read again they are addresses.
        message = message.as_bytes()
    header = _read_header(message) if isinstance(message, bytes) else message
    if sender is None:
        sender = _sender_of(header)
    if recipients is None:
        recipients = [*_addresses(header, "To"), *_addresses(header, "Cc"), *_addresses(header, "Bcc")]
    elif isinstance(recipients, str):
        recipients = [recipients]
    reverse_path = _parsed(sender, Stage.MAIL) if sender else None
    if reverse_path is None and options.hold is not None:
        raise CannotSend(Stage.MAIL, "a notice is not to be kept back (RFC 4865 §5.1.1)")
    targets = tuple(_recipient(_parsed(text, Stage.RCPT), options) for text in dict.fromkeys(recipients))
    if not targets:
        raise CannotSend(
            Stage.RCPT, "nobody to send to: no recipients were given and To, Cc and Bcc name none"
        )
    addresses = [target.forward_path for target in targets] + ([reverse_path] if reverse_path else [])
    is_international = any(address.needs_smtputf8 for address in addresses)
    content = _clean(message) if isinstance(message, bytes) else _serialised(message, is_international)
    envelope = Envelope(
        reverse_path,
        targets,
        body=_body_of(content),
        smtputf8=is_international or needs_smtputf8(content),
        ret=options.ret,
        envid=options.envid,
        requiretls=options.requiretls,
        hold=options.hold,
        priority=options.priority or 0,
        deliver_by=options.deliver_by,
    )
    return envelope, content


def _read_header(content: bytes) -> EmailMessage:
    """Read the fields of raw bytes; addresses in UTF-8 stay readable (RFC 6532 §3.2)."""
    end = min(n for n in (content.find(b"\n\n"), content.find(b"\r\n\r\n"), len(content)) if n >= 0)
    # What is no UTF-8 becomes surrogates, which no address may have.
    return HeaderParser(policy=SMTPUTF8).parsestr(content[:end].decode("utf-8", "surrogateescape"))


def _sender_of(header: EmailMessage) -> str:
    addresses = _addresses(header, "Sender") or _addresses(header, "From")
    if len(addresses) != 1:
        named = "names several" if addresses else "names none"
        raise CannotSend(Stage.MAIL, f"no sender was given, and the message {named} in Sender or From")
    return addresses[0]


def _addresses(header: EmailMessage, name: str) -> list[str]:
    found: list[str] = []
    for value in header.get_all(name, []):
        if isinstance(value, AddressHeader):
            found += [str(address.addr_spec) for address in value.addresses]
    return found


def _parsed(text: str, stage: Stage) -> Address:
    try:
        return parse_address(text)
    except AddressError as error:
        role = "sender" if stage is Stage.MAIL else "recipient"
        mend = ": write the address alone, without name and brackets" if "<" in text else f": {error}"
        recipients = () if stage is Stage.MAIL else (text,)
        raise CannotSend(stage, f"{role} {text!r} is not an address{mend}", recipients=recipients) from error


def _recipient(address: Address, options: SendOptions) -> Recipient:
    if not options.asks_for_notices:
        return Recipient(address)
    return Recipient(address, options.notify, f"{'utf-8' if address.needs_smtputf8 else 'rfc822'};{address}")


def _serialised(message: EmailMessage, is_international: bool) -> bytes:
    # A shallow copy has its own list of fields: the caller's message keeps its Bcc.
    public = copy.copy(message)
    del public["Bcc"]
    del public["Resent-Bcc"]
    utf8 = is_international or any(not address.isascii() for address in _named_in(message))
    return _clean(public.as_bytes(policy=SMTPUTF8 if utf8 else SMTP))


def _named_in(message: EmailMessage) -> Iterable[str]:
    for name in ("From", "Sender", "Reply-To", "To", "Cc"):
        yield from _addresses(message, name)


def _clean(content: bytes) -> bytes:
    if not is_clean(content):
        if content.count(b"\r") != content.count(b"\r\n"):
            raise CannotSend(Stage.DATA, "the message has a bare CR (RFC 5321 §2.3.8)")
        content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    return _without_secrets(content)


def _without_secrets(content: bytes) -> bytes:
    secret = [(field.start, field.end) for field in fields(content) if field.name in _SECRET]
    for start, end in reversed(secret):
        content = content[:start] + content[end:]
    return content


def _body_of(content: bytes) -> Body:
    if b"\0" in content:
        return Body.BINARY
    return Body.SEVEN_BIT if content.isascii() else Body.EIGHT_BIT
