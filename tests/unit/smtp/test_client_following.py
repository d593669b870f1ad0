"""Two transactions in flight: whatever a server answers, wherever it stops, each reply finds its own message.

A sweep: every combination of answers to the end of one message and to the envelope and end of the message that follows,
the connection cut at every octet, whole and one octet at a time.
"""

from itertools import product

import pytest

from mailrail.model import (
    Address,
    Body,
    Envelope,
    LocalProtocolError,
    Recipient,
    RemoteProtocolError,
    Reply,
)
from mailrail.smtp import ClientConnection, ClientEvent, ClientState, Ended, Role, Stage

CONTENT = b"Subject: x\r\n\r\nhello\r\n"
STUFFED = CONTENT + b".\r\n"
MAIL, RCPT, DATA, END = Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.END
ENDS = ("250 2.0.0 first", "451 4.3.0 first", "554 5.6.0 first", "421 4.3.2 first", "garbage", "354 first")
MAILS = ("250 ok", "550 5.7.1 mail", "451 4.7.1 mail", "421 4.3.2 mail", "354 mail")
RCPTS = ("250 ok", "550 5.1.1 rcpt", "421 4.3.2 rcpt")
DATAS = ("354 go", "451 4.3.0 data", "250 data")
LASTS = ("250 2.0.0 second", "554 5.6.0 second", "421 4.3.2 second")
Told = list[tuple[list[int], list[Stage]]]


def letter(name: str, count: int = 1) -> tuple[Envelope, tuple[Recipient, ...]]:
    targets = tuple(Recipient(Address(f"{name}{n}", "example.net")) for n in range(count))
    return Envelope(Address("ann", "example.org"), targets), targets


def begin(client: ClientConnection, name: str, count: int = 1, content: bytes | None = CONTENT) -> None:
    envelope, targets = letter(name, count)
    size = len(content or CONTENT)
    client.begin(envelope, targets, size_bytes=size, body=Body.SEVEN_BIT, whole=content)


def feed(client: ClientConnection, data: bytes, *, by_octet: bool = False) -> list[ClientEvent]:
    """Feed once all that is to be sent is on its way."""
    client.data_to_send()
    events: list[ClientEvent] = []
    for piece in [data[n : n + 1] for n in range(len(data))] if by_octet else [data]:
        client.receive(piece)
        while (event := client.next_event()) is not None:
            events.append(event)
    return events


def idle(role: Role = Role.SMTP, keywords: tuple[str, ...] = ("PIPELINING", "8BITMIME")) -> ClientConnection:
    client = ClientConnection(role)
    feed(client, b"220 here\r\n")
    client.hello("client.example")
    feed(client, "".join(f"250-{word}\r\n" for word in ("here", *keywords)).encode() + b"250 SIZE\r\n")
    client.data_to_send()
    return client


def content_sent(role: Role = Role.SMTP, count: int = 1) -> ClientConnection:
    """Return a client whose first content has just left, so that a second envelope may."""
    client = idle(role)
    begin(client, "a", count)
    feed(client, b"250 ok\r\n" * (1 + count) + b"354 go\r\n")
    client.data_to_send()
    return client


def test_the_next_envelope_leaves_in_the_write_of_the_content() -> None:
    client = idle()
    begin(client, "a")
    client.data_to_send()
    feed(client, b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert client.may_follow()
    begin(client, "b")
    envelope = b"MAIL FROM:<ann@example.org> SIZE=21\r\nRCPT TO:<b0@example.net>\r\nDATA\r\n"
    assert client.data_to_send() == STUFFED + envelope
    first, *rest = feed(client, b"250 2.0.0 first\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    assert isinstance(first, Ended)
    assert rest == []
    assert client.may_follow(), "and a third behind the second"
    assert client.data_to_send() == STUFFED
    (second,) = feed(client, b"250 2.0.0 second\r\n")
    assert isinstance(second, Ended)
    assert str(second.replies[0]) == "250 2.0.0 second"
    assert client.state is ClientState.IDLE


@pytest.mark.parametrize("keywords", [("8BITMIME",), ("PIPELINING", "CHUNKING")])
def test_nothing_follows_without_pipelining_or_where_bdat_is_used(keywords: tuple[str, ...]) -> None:
    client = idle(keywords=keywords)
    begin(client, "a")
    for reply in () if "CHUNKING" in keywords else (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
        feed(client, reply)
    client.data_to_send()
    assert not client.may_follow()
    with pytest.raises(LocalProtocolError):
        begin(client, "b")
    assert client.data_to_send() == b""


def test_nothing_follows_content_that_is_not_all_given_nor_a_third_the_second() -> None:
    client = idle()
    begin(client, "a", content=None)
    feed(client, b"250 ok\r\n250 ok\r\n354 go\r\n")
    client.send_content(b"half")
    with pytest.raises(LocalProtocolError):
        begin(client, "b")
    client.send_content(b"\r\n", is_last=True)
    begin(client, "b")
    with pytest.raises(LocalProtocolError):
        begin(client, "c")


def test_content_with_a_bare_line_feed_does_not_follow_and_nothing_is_sent_of_it() -> None:
    """A5."""
    client = content_sent()
    with pytest.raises(LocalProtocolError):
        begin(client, "b", content=b"a\nb\r\n")
    assert client.data_to_send() == b""
    assert len(feed(client, b"250 first\r\n")) == 1
    assert client.state is ClientState.IDLE


def test_lmtp_answers_each_recipient_of_the_first_before_the_second() -> None:
    client = content_sent(Role.LMTP, count=2)
    begin(client, "b", count=2)
    client.data_to_send()
    wire = b"250 a0\r\n450 4.2.1 a1\r\n" + b"250 ok\r\n250 ok\r\n550 5.1.1 b1\r\n354 go\r\n"
    (first,) = feed(client, wire)
    (second,) = feed(client, b"250 b0\r\n")
    assert isinstance(first, Ended)
    assert isinstance(second, Ended)
    assert [reply.code for reply in first.replies] == [250, 450]
    assert [(reply.code, stage) for reply, stage in zip(second.replies, second.stages, strict=True)] == [
        (250, END),
        (550, RCPT),
    ]


def test_more_recipients_than_the_window_follow_in_two_writes() -> None:
    client = content_sent()
    begin(client, "b", count=300)
    assert client.data_to_send().count(b"\r\n") == 200
    (first,) = feed(client, b"250 first\r\n" + b"250 ok\r\n" * 200)
    assert isinstance(first, Ended)
    assert client.data_to_send().count(b"\r\n") == 102
    assert feed(client, b"250 ok\r\n" * 101 + b"354 go\r\n") == []
    (second,) = feed(client, b"250 second\r\n")
    assert isinstance(second, Ended)
    assert len(second.replies) == 300


def expected(end: str, mail: str, rcpt: str, data: str, last: str) -> tuple[Told, bool]:
    """Return what must be told of both messages, and whether the session must be over then."""
    if end in ("garbage", "354 first"):
        return [], True
    told: Told = [([int(end[:3])], [END])]
    if end.startswith("421"):
        return told, True
    for stage, answer in ((MAIL, mail), (RCPT, rcpt)):
        if answer.startswith("354"):
            return told, True
        if answer.startswith("421"):
            return [*told, ([421], [stage])], True
        if answer[0] != "2" and stage is MAIL:
            mail_refused = int(answer[:3])
            if rcpt.startswith("421"):
                return [*told, ([mail_refused], [MAIL])], True
            if data[:3] == "250":
                return told, True
            if data[:3] == "354":
                return [*told, ([mail_refused], [MAIL])], last.startswith("421")
            return [*told, ([mail_refused], [MAIL])], False
    if data[:3] == "250":
        return told, True
    if rcpt[0] != "2":
        return [*told, ([int(rcpt[:3])], [RCPT])], data[:3] == "354" and last.startswith("421")
    if data[:3] != "354":
        return [*told, ([int(data[:3])], [DATA])], False
    return [*told, ([int(last[:3])], [END])], last.startswith("421")


def wire_of(answers: tuple[str, str, str, str, str]) -> bytes:
    """Return what a server says: the last answer only where it got a content."""
    end, mail, rcpt, data, last = answers
    said = [end, mail, rcpt, data]
    if data.startswith("354"):
        said.append(last)
    return "".join(f"{answer}\r\n" for answer in said).encode()


def told_of(events: list[ClientEvent]) -> Told:
    told: Told = []
    for event in events:
        assert isinstance(event, Ended), event
        told.append(([reply.code for reply in event.replies], list(event.stages)))
    return told


def play(client: ClientConnection, wire: bytes, *, by_octet: bool) -> list[ClientEvent]:
    """Feed until the wire is at its end or the session over; what it answers has been sent."""
    events: list[ClientEvent] = []
    before, go, behind = wire.partition(b"354 go\r\n")
    try:
        for piece in [bytes([octet]) for octet in wire] if by_octet else [before + go, behind]:
            client.data_to_send()
            client.receive(piece)
            while (event := client.next_event()) is not None:
                events.append(event)
    except RemoteProtocolError:
        assert client.state is ClientState.OVER
    return events


@pytest.mark.parametrize("by_octet", [False, True], ids=["whole", "octets"])
def test_a60_each_reply_finds_its_own_message_whatever_the_server_says(by_octet: bool) -> None:
    """A58."""
    for answers in product(ENDS, MAILS, RCPTS, DATAS, LASTS):
        client = content_sent()
        begin(client, "b")
        events = play(client, wire_of(answers), by_octet=by_octet)
        told, is_over = expected(*answers)
        assert told_of(events) == told, answers
        assert (client.state is ClientState.OVER) == is_over, answers


def test_a59_a_connection_that_is_cut_anywhere_settles_only_what_was_answered() -> None:
    for answers in product(ENDS, MAILS[:2], RCPTS[:2], DATAS[:1], LASTS[:2]):
        wire = wire_of(answers)
        whole, _ = expected(*answers)
        for length in range(len(wire)):
            client = content_sent()
            begin(client, "b")
            told = told_of(play(client, wire[:length], by_octet=False))
            assert told == whole[: len(told)], (answers, length)
            if client.state is ClientState.OVER:
                continue
            if not told:
                open_replies: list[Reply | None] = [None]
                assert client.transaction is not None
                assert client.transaction.replies == open_replies, "the first is not settled by the second"


def test_content_of_the_second_never_leaves_before_the_first_is_answered_and_354_came() -> None:
    client = content_sent()
    begin(client, "b")
    client.data_to_send()
    for said, leaves in ((b"250 first\r\n", b""), (b"250 ok\r\n250 ok\r\n", b""), (b"354 go\r\n", STUFFED)):
        feed(client, said)
        assert client.data_to_send() == leaves


@pytest.mark.parametrize(
    ("keywords", "content", "said", "early"),
    [
        (("PIPELINING",), CONTENT, "250 ok|250 ok|354 go", "250 2.0.0 done"),
        (("PIPELINING",), CONTENT, "250 ok|250 ok|354 go", "554 5.6.0 no"),
        (("PIPELINING",), None, "250 ok|250 ok|354 go", "250 2.0.0 done"),
        (("PIPELINING",), CONTENT, "250 ok|550 5.1.1 rcpt|354 go", "250 2.0.0 done"),
        ((), CONTENT, "250 ok", "250 2.1.5 ok"),
        ((), CONTENT, "250 ok", "550 5.1.1 rcpt"),
        ((), CONTENT, "250 ok", "250 ok|354 go|250 2.0.0 done"),
    ],
)
@pytest.mark.parametrize("by_octet", [False, True], ids=["whole", "octets"])
def test_a58_a_reply_to_what_was_not_sent_yet_delivers_nothing_and_ends_the_session(
    keywords: tuple[str, ...], content: bytes | None, said: str, early: str, by_octet: bool
) -> None:
    client = idle(keywords=keywords)
    begin(client, "a", content=content)
    client.data_to_send()
    wire = "".join(f"{reply}\r\n" for reply in f"{said}|{early}".split("|")).encode()
    events: list[ClientEvent] = []
    error = None
    try:
        for piece in [bytes([octet]) for octet in wire] if by_octet else [wire]:
            client.receive(piece)
            while (event := client.next_event()) is not None:
                events.append(event)
    except RemoteProtocolError as trouble:
        error = trouble
    assert client.state is ClientState.OVER
    ended = [event for event in events if isinstance(event, Ended)]
    if early.startswith("2"):
        assert error is not None
        assert ended == []
    else:
        assert [str(reply) for reply in ended[0].replies] == [early]
    assert client.data_to_send() == b"", "what the peer does not wait for would be taken for commands"
