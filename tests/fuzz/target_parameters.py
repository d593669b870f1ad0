"""Whatever stands behind the path of MAIL or RCPT:

- it is read, or a ParameterError tells why not; nothing else is raised;
- keywords and words of the protocol are ASCII: no other letter passes for one of theirs;
- what was understood, written for a peer that knows all, is understood as the same again;
- nothing unprintable comes out of it.

Input: which of the two, then the text.
"""

from collections.abc import Iterator

from tests.fuzz.tape import Tape

from mailrail.model import Address, Body, Envelope, Notify, Recipient
from mailrail.smtp import ParameterError
from mailrail.smtp.params import format_mail, format_rcpt, parse_mail, parse_rcpt
from mailrail.smtp.xtext import decode_utf8, encode_utf8

_ALL = frozenset(
    {"SIZE", "8BITMIME", "BINARYMIME", "SMTPUTF8", "DSN", "AUTH", "CHUNKING", "REQUIRETLS", "FUTURERELEASE"}
)
_PATH = Address("a", "example.org")


def check(data: bytes) -> None:
    tape = Tape(data)
    is_mail = tape.flag()
    text = tape.rest().decode("utf-8", "ignore")
    try:
        _check_mail(text) if is_mail else _check_rcpt(text)
    except ParameterError:
        return


def _check_mail(text: str) -> None:
    found = parse_mail(text, _ALL)
    assert text.isascii()
    envelope = Envelope(
        _PATH,
        (),
        found.body,
        found.smtputf8,
        found.ret,
        found.envid,
        found.requiretls,
        found.hold,
        found.priority,
        found.deliver_by,
    )
    again = parse_mail(format_mail(envelope, _ALL, found.size_bytes or 0, found.body), _ALL)
    assert again.size_bytes == (found.size_bytes or 0)
    assert (again.body, again.smtputf8, again.ret) == (found.body, found.smtputf8, found.ret)
    assert (again.envid, again.requiretls) == (found.envid, found.requiretls)
    assert (again.priority, again.deliver_by) == (found.priority, found.deliver_by)
    assert -9 <= found.priority <= 9
    assert found.envid.isprintable()
    assert (found.auth or "").isprintable()
    assert found.body in Body
    if found.hold is not None:
        assert found.hold.release_us(0) >= 0
        assert str(found.hold).isascii()
        assert again.hold is not None
        # A fraction of a second is not written back.
        assert 0 <= found.hold.release_us(0) - again.hold.release_us(0) < 1_000_000


def _check_rcpt(text: str) -> None:
    found = parse_rcpt(text, _ALL)
    for keyword, value in found.requested.items():
        assert keyword.isascii()
        assert keyword == "ORCPT" or (value or "").isascii()
    written = format_rcpt(Recipient(_PATH, found.notify, found.orcpt), _ALL)
    assert written.isascii()
    again = parse_rcpt(written, _ALL)
    assert (again.notify, again.orcpt) == (found.notify, found.orcpt)
    assert found.orcpt.isprintable()
    assert found.notify == Notify.NEVER or not found.notify & Notify.NEVER
    assert decode_utf8(encode_utf8(found.orcpt)) == found.orcpt


def seeds() -> Iterator[bytes]:
    yield from (
        b"\1SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B314159 AUTH=<>",
        b"\1size=0 body=binarymime auth=e+3Dmc2@example.com",
        b"\0NOTIFY=SUCCESS,DELAY,FAILURE ORCPT=rfc822;Bob+2Bx@Example.COM",
        b"\0NOTIFY=NEVER ORCPT=utf-8;\\x{20AC}\\x{5C}x",
        "\0ORCPT=utf-8;grüße@example.org".encode(),
        b"\0ORCPT=rfc822;+C3+BC@example.org",
        "\1sıze=1".encode(),
        "\0NOTIFY=ſucceſſ".encode(),
    )
