"""From a program's message to envelope and bytes (row A5 among others)."""

from email.message import EmailMessage
from email.mime.text import MIMEText

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.client import CannotSend, SendOptions, compose
from mailrail.model import Body, Envelope, Notify, Ret
from mailrail.smtp import is_clean

RAW = b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: hi\r\n\r\nhi\r\n"


def made(
    message: EmailMessage | bytes, sender: str | None = None, recipients: list[str] | None = None
) -> tuple[Envelope, bytes]:
    return compose(message, sender, recipients, SendOptions())


def letter(**headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Ann <ann@example.org>"
    message["To"] = "bob@example.net"
    for name, value in headers.items():
        del message[name]
        message[name] = value
    message.set_content("hello\n")
    return message


def paths(envelope: Envelope) -> list[str]:
    return [str(recipient.forward_path) for recipient in envelope.recipients]


def test_clean_bytes_travel_as_they_are() -> None:
    envelope, content = made(RAW)
    assert content is RAW or content == RAW
    assert str(envelope.reverse_path) == "ann@example.org"
    assert paths(envelope) == ["bob@example.net"]
    assert envelope.body is Body.SEVEN_BIT


def test_a_bare_lf_is_made_crlf_and_a_missing_end_is_added() -> None:
    """A5."""
    _, content = made(RAW.replace(b"\r\n", b"\n").removesuffix(b"\n"))
    assert content == RAW


def test_a_bare_cr_is_refused() -> None:
    """A5."""
    with pytest.raises(CannotSend, match="bare CR"):
        made(RAW + b"a\rb\r\n")


@given(st.binary())
def test_whatever_is_taken_is_clean(body: bytes) -> None:
    """A5."""
    try:
        _, content = made(b"\r\n" + body, "a@example.org", ["b@example.net"])
    except CannotSend:
        assert b"\r" in body
    else:
        assert is_clean(content)


def test_everybody_in_to_cc_and_bcc_is_a_recipient_once_and_bcc_stays_secret() -> None:
    message = letter(Cc="Carl <carl@example.net>, bob@example.net", Bcc="eve@example.net")
    envelope, content = made(message)
    assert paths(envelope) == ["bob@example.net", "carl@example.net", "eve@example.net"]
    assert b"eve" not in content
    assert message["Bcc"] == "eve@example.net", "the caller's message is left alone"


def test_bcc_is_taken_out_of_bytes_too_folded_or_not() -> None:
    raw = b"Bcc: eve@example.net,\r\n mal@example.net\r\n" + RAW.replace(
        b"Subject", b"bcc: x@y.example\r\nSubject"
    )
    envelope, content = made(raw)
    assert content == RAW
    assert "mal@example.net" in paths(envelope)


def test_what_is_given_goes_before_what_the_message_says() -> None:
    envelope, _ = made(RAW, "other@example.org", ["carl@example.net"])
    assert str(envelope.reverse_path) == "other@example.org"
    assert paths(envelope) == ["carl@example.net"]


def test_the_sender_field_goes_before_from() -> None:
    envelope, _ = made(letter(From="a@example.org, b@example.org", Sender="b@example.org"))
    assert str(envelope.reverse_path) == "b@example.org"


def test_an_empty_sender_is_the_null_reverse_path() -> None:
    assert made(RAW, "")[0].reverse_path is None


@pytest.mark.parametrize(
    "message",
    [
        letter(From="a@example.org, b@example.org"),
        letter(To="undisclosed-recipients:;"),
        letter(To="nobody"),
        b"Subject: nobody is named\r\n\r\n",
    ],
)
def test_what_names_nobody_cannot_be_sent(message: EmailMessage | bytes) -> None:
    with pytest.raises(CannotSend):
        made(message)


@pytest.mark.parametrize("bad", ["bob", "bob@", "b@c\r\nRCPT TO:<d@e>", "<bob@example.net>", ""])
def test_a_bad_address_cannot_be_sent_to(bad: str) -> None:
    with pytest.raises(CannotSend) as caught:
        made(RAW, None, [bad])
    assert caught.value.recipient == bad


def test_a_header_in_ascii_needs_no_smtputf8() -> None:
    message = letter(Subject="Grüße")
    message.set_content("schöne Grüße\n", cte="8bit")
    envelope, content = made(message)
    assert not envelope.smtputf8
    assert envelope.body is Body.EIGHT_BIT
    assert b"=?utf-8?" in content.split(b"\r\n\r\n")[0]


def test_an_international_address_makes_the_header_utf8_and_needs_smtputf8() -> None:
    envelope, content = made(letter(To="jürgen@example.net"))
    assert envelope.smtputf8
    assert "To: jürgen@example.net".encode() in content


def test_an_international_address_only_in_the_envelope_needs_smtputf8_too() -> None:
    assert made(RAW, None, ["jürgen@example.net"])[0].smtputf8


def test_an_international_domain_becomes_a_labels() -> None:
    assert paths(made(RAW, None, ["bob@bücher.example"])[0]) == ["bob@xn--bcher-kva.example"]


def test_nul_makes_it_binary() -> None:
    assert made(RAW + b"\0\r\n")[0].body is Body.BINARY


def test_wishes_for_notices_are_in_the_envelope() -> None:
    options = SendOptions(notify=Notify.SUCCESS, ret=Ret.HDRS, envid="order-1")
    envelope, _ = compose(RAW, None, None, options)
    assert (envelope.ret, envelope.envid) == (Ret.HDRS, "order-1")
    assert envelope.recipients[0].notify is Notify.SUCCESS
    assert envelope.recipients[0].orcpt == "rfc822;bob@example.net"


def test_one_recipient_may_be_given_as_text() -> None:
    envelope, _ = compose(RAW, None, "eve@example.net", SendOptions())
    assert paths(envelope) == ["eve@example.net"]


def test_an_old_style_message_is_as_good_as_a_new_one() -> None:
    message = MIMEText("schön", _charset="utf-8")
    message["From"], message["To"], message["Bcc"] = (
        "Ann <ann@example.org>",
        "bob@example.net",
        "eve@example.net",
    )
    message["Subject"] = "Grüße"
    envelope, content = compose(message, None, None, SendOptions())
    assert str(envelope.reverse_path) == "ann@example.org"
    assert paths(envelope) == ["bob@example.net", "eve@example.net"]
    assert b"eve" not in content
    assert content.isascii()


def test_text_is_no_message() -> None:
    with pytest.raises(TypeError, match="EmailMessage or bytes, not str"):
        compose("Subject: hi\n\nhi\n", None, None, SendOptions())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sender", "recipient", "told"),
    [
        ("ann", "bob@example.net", r"sender 'ann' is not an address: 'ann' has no @"),
        ("ann@example.org", "bob", r"recipient 'bob' is not an address: 'bob' has no @"),
        ("ann@example.org", "Bob <bob@example.net>", r"recipient .* without name and brackets"),
    ],
)
def test_what_is_no_address_is_told_with_its_role(sender: str, recipient: str, told: str) -> None:
    with pytest.raises(CannotSend, match=told) as caught:
        made(RAW, sender, [recipient])
    assert caught.value.recipients == (() if sender == "ann" else (recipient,))
