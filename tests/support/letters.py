"""Messages for tests, and the plainest way to send one."""

import smtplib
from email.message import EmailMessage

from tests.support.daemon import Daemon

ANN, BOB = "ann@sender.example", "bob@receiver.example"


def letter(
    subject: str = "hello", text: str = "A line.\n.\n..two dots\nLast line.\n", *, to: str = BOB
) -> EmailMessage:
    """Write a message from Ann."""
    message = EmailMessage()
    message["From"] = ANN
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = "Thu, 01 Oct 2026 12:00:00 +0000"
    message["Message-ID"] = f"<{subject.replace(' ', '.')}@sender.example>"
    message.set_content(text)
    return message


def wire(message: EmailMessage) -> bytes:
    """Return the octets of *message* as they travel, dots not stuffed."""
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def send(
    daemon: Daemon,
    content: bytes | EmailMessage | None = None,
    *,
    sender: str = ANN,
    to: str | list[str] = BOB,
    mail: tuple[str, ...] = (),
    rcpt: tuple[str, ...] = (),
) -> None:
    """Give the daemon one message by Python's smtplib.

    Args:
        mail, rcpt: parameters of MAIL and of each RCPT.

    Raises:
        smtplib.SMTPException: it was not taken.
    """
    if content is None:
        content = letter(to=to if isinstance(to, str) else to[0])
    if isinstance(content, EmailMessage):
        content = wire(content)
    with smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client:
        client.sendmail(sender, to, content, mail, rcpt)
