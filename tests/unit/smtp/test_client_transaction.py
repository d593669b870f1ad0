"""What may not leave in an envelope, and how the replies to one find its recipients."""

from dataclasses import replace
from itertools import product

import pytest

from mailrail.model import (
    Address,
    Body,
    DeliverBy,
    Envelope,
    LocalProtocolError,
    Recipient,
    RemoteProtocolError,
    Reply,
)
from mailrail.smtp import ClientConnection, ClientEvent, ClientState, Ended, Role, Stage
from mailrail.smtp.client_transaction import Transaction, format_envelope
from mailrail.smtp.extensions import Extensions

ANN, BOB = Address("ann", "example.org"), Recipient(Address("bob", "example.net"))
PLAIN = Envelope(ANN, (BOB,))
ALL = Extensions(frozenset({"8BITMIME", "SMTPUTF8", "REQUIRETLS", "DELIVERBY", "BINARYMIME", "CHUNKING"}))
RCPT, DATA, END = Stage.RCPT, Stage.DATA, Stage.END
OK, NO = Reply(250, "", "ok"), Reply(550, "5.1.1", "no")


def lines(envelope: Envelope, extensions: Extensions, body: Body = Body.SEVEN_BIT) -> list[str]:
    return format_envelope(envelope, envelope.recipients, 7, body, extensions)


@pytest.mark.parametrize("octet", ["\r\nRCPT TO:<eve@example.net>", "\n", "\0", "\x1b", "\x7f"])
@pytest.mark.parametrize("smtputf8", [False, True])
@pytest.mark.parametrize("place", ["sender", "first", "last"])
def test_no_address_can_end_a_command_early(octet: str, smtputf8: bool, place: str) -> None:
    bad = Address(f"a{octet}b", "example.net")
    targets = (Recipient(bad) if place == "first" else BOB, Recipient(bad) if place == "last" else BOB)
    envelope = Envelope(bad if place == "sender" else ANN, targets, smtputf8=smtputf8)
    with pytest.raises(LocalProtocolError, match="control character"):
        lines(envelope, ALL)


@pytest.mark.parametrize("local_part", ["jörg", "jörg\u2028"])
def test_an_address_beyond_ascii_leaves_only_under_smtputf8(local_part: str) -> None:
    envelope = Envelope(ANN, (BOB, Recipient(Address(local_part, "example.net"))))
    with pytest.raises(LocalProtocolError, match="needs SMTPUTF8"):
        lines(envelope, ALL)
    assert local_part in lines(replace(envelope, smtputf8=True), ALL)[2]


@pytest.mark.parametrize(
    ("envelope", "body", "keyword"),
    [
        (PLAIN, Body.EIGHT_BIT, "8BITMIME"),
        (PLAIN, Body.BINARY, "BINARYMIME"),
        (replace(PLAIN, smtputf8=True), Body.SEVEN_BIT, "SMTPUTF8"),
        (replace(PLAIN, requiretls=True), Body.SEVEN_BIT, "REQUIRETLS"),
        (replace(PLAIN, deliver_by=DeliverBy(60, returns=True)), Body.SEVEN_BIT, "DELIVERBY"),
    ],
)
def test_what_the_peer_does_not_offer_is_not_asked_of_it(
    envelope: Envelope, body: Body, keyword: str
) -> None:
    assert len(lines(envelope, ALL, body)) == 2
    with pytest.raises(LocalProtocolError, match=keyword):
        lines(envelope, Extensions(ALL.keywords - {keyword}), body)


def test_a_wish_to_hear_of_a_delay_becomes_a_wish_for_a_notice_without_deliverby() -> None:
    """RFC 2852 §4.1.4.2."""
    envelope = replace(PLAIN, deliver_by=DeliverBy(60, returns=False))
    _, rcpt = lines(envelope, Extensions(frozenset({"DSN"})))
    assert rcpt == "RCPT TO:<bob@example.net> NOTIFY=FAILURE,DELAY"


@pytest.mark.parametrize("refused", range(8))
def test_one_reply_settles_all_that_were_taken_and_no_other(refused: int) -> None:
    """Each combination of three recipients."""
    transaction = Transaction(3, [], [])
    answers = [NO if refused >> place & 1 else OK for place in range(3)]
    for answer in answers:
        transaction.take_rcpt(answer)
    assert transaction.accepted == answers.count(OK)
    last = Reply(451, "4.3.0", "later")
    ended = transaction.ended_by(DATA, last)
    assert ended.replies == tuple(last if answer is OK else NO for answer in answers)
    assert ended.stages == tuple(DATA if answer is OK else RCPT for answer in answers)


def feed(client: ClientConnection, data: bytes) -> list[ClientEvent]:
    client.data_to_send()  # which `data` answers
    client.receive(data)
    return list(iter(client.next_event, None))


def test_lmtp_answers_go_to_those_that_were_taken_in_their_order() -> None:
    client = ClientConnection(Role.LMTP)
    feed(client, b"220 here\r\n")
    client.hello("client.example")
    feed(client, b"250-here\r\n250 PIPELINING\r\n")
    envelope = Envelope(ANN, (BOB,) * 5)
    client.begin(envelope, envelope.recipients, size_bytes=2, body=Body.SEVEN_BIT, whole=b"\r\n")
    rcpts = b"550 0\r\n250 1\r\n550 2\r\n250 3\r\n250 4\r\n"
    assert feed(client, b"250 mail\r\n" + rcpts + b"354 go\r\n") == []
    (ended,) = feed(client, b"250 one\r\n452 three\r\n250 four\r\n")
    assert isinstance(ended, Ended)
    assert [reply.text for reply in ended.replies] == ["0", "one", "2", "three", "four"]
    assert ended.stages == (RCPT, END, RCPT, END, END)


@pytest.mark.parametrize("has_transaction", [False, True])
def test_a_peer_that_refuses_rset_is_left(has_transaction: bool) -> None:
    client = ClientConnection()
    feed(client, b"220 here\r\n")
    client.hello("client.example")
    feed(client, b"250-here\r\n250 PIPELINING\r\n")
    client.begin(PLAIN, (BOB,), size_bytes=2, body=Body.SEVEN_BIT, whole=b"\r\n")
    feed(client, b"250 ok\r\n550 no\r\n554 nobody\r\n")
    client.data_to_send()
    if has_transaction:
        client.begin(PLAIN, (BOB,), size_bytes=2, body=Body.SEVEN_BIT, whole=b"\r\n")
        assert client.data_to_send().startswith(b"RSET\r\nMAIL")
    else:
        client.reset()
    with pytest.raises(RemoteProtocolError, match="RSET was refused"):
        feed(client, b"502 5.5.1 no such thing\r\n")


ENVELOPES = list(
    product(
        ("250 ok", "550 5.7.1 mail", "421 4.3.2 mail", "354 mail", "garbage"),
        ("250 ok", "251 forwarded", "550 5.1.1 rcpt", "421 4.3.2 rcpt", "354 rcpt", "250-one\r\n250 two"),
        ("354 go", "250 data", "451 4.3.0 data", "554 5.5.1 data", "421 4.3.2 data"),
    )
)


@pytest.mark.parametrize("whole", [b"hello\r\n", None], ids=["whole", "streamed"])
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("answers", ENVELOPES, ids="/".join)
def test_what_answers_an_envelope_means_the_same_at_once_and_octet_by_octet(
    answers: tuple[str, ...], role: Role, whole: bytes | None
) -> None:
    """The three are taken together only where they are yes."""

    def told(size: int) -> tuple[list[ClientEvent], str, bytes, ClientState, Stage | None]:
        client = ClientConnection(role)
        feed(client, b"220 here\r\n")
        client.hello("client.example")
        feed(client, b"250-here\r\n250 PIPELINING\r\n")
        client.begin(PLAIN, (BOB,), size_bytes=7, body=Body.SEVEN_BIT, whole=whole)
        client.data_to_send()
        wire, error, events = "".join(f"{answer}\r\n" for answer in answers).encode(), "", list[ClientEvent]()
        try:
            for start in range(0, len(wire), size):
                client.receive(wire[start : start + size])
                while (event := client.next_event()) is not None:
                    events.append(event)
        except RemoteProtocolError as broken:
            error = str(broken)
        return events, error, client.data_to_send(), client.state, client.awaiting()

    at_once = told(1000)
    assert at_once == told(1)
    assert (b"hello" in at_once[2]) == (
        whole is not None and answers[0][:3] == "250" and answers[1][0] == "2" and answers[2][:3] == "354"
    )
