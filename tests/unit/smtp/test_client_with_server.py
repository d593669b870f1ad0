"""Our client and our server, back to back: what is sent is what arrives (rows A5, A6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.smtp.server_harness import Site, make_site

from mailrail.model import Body, Envelope, Recipient, parse_address
from mailrail.smtp import ClientConnection, ClientEvent, ContentWanted, Ended, Role

WITHOUT = ("", "CHUNKING", "PIPELINING", "CHUNKING PIPELINING")


class Pair:
    """A client core and a server core, joined by two pipes that may carry single octets."""

    def __init__(self, *, without: str, by_octet: bool, lmtp: bool = False) -> None:
        self.client = ClientConnection(Role.LMTP if lmtp else Role.SMTP)
        self.site: Site = make_site(lmtp=lmtp)
        self.by_octet = by_octet
        self.events: list[ClientEvent] = []
        self.run()
        self.client.hello("client.example")
        self.run()
        extensions = self.client.extensions
        self.client.extensions = type(extensions)(extensions.keywords - set(without.split()))

    def run(self) -> None:
        """Carry bytes until both are silent."""
        while True:
            said, self.site.said = self.site.said, b""
            for piece in self.cut(said):
                self.client.receive(piece)
                while (event := self.client.next_event()) is not None:
                    self.events.append(event)
            asked = self.client.data_to_send()
            for piece in self.cut(asked):
                self.site.feed(piece)
            if not asked and not self.site.said:
                return

    def cut(self, data: bytes) -> list[bytes]:
        if self.by_octet:
            return [data[n : n + 1] for n in range(len(data))]
        return [data] if data else []

    def send(self, content: bytes, body: Body, *, blocks: int | None, recipients: int = 1) -> Ended:
        targets = tuple(Recipient(parse_address(f"u{n}@example.net")) for n in range(recipients))
        envelope = Envelope(parse_address("ann@example.org"), targets)
        self.client.begin(
            envelope, targets, size_bytes=len(content), body=body, whole=None if blocks else content
        )
        self.run()
        offset = 0
        while isinstance(self.events[-1], ContentWanted):
            assert blocks
            self.events.pop()
            while True:
                is_last = offset + blocks >= len(content)
                self.client.send_content(content[offset : offset + blocks], is_last=is_last)
                offset += blocks
                if is_last or body is Body.BINARY:
                    break
            self.run()
        ended = self.events[-1]
        assert isinstance(ended, Ended)
        return ended


LINES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x.", b"line", b" "]), max_size=8)


@pytest.mark.parametrize("without", WITHOUT)
@given(lines=LINES, blocks=st.integers(1, 5) | st.none(), by_octet=st.booleans())
def test_text_arrives_as_it_was_sent(
    without: str, lines: list[bytes], blocks: int | None, by_octet: bool
) -> None:
    """A6: stuffed and unstuffed exactly once, at every edge."""
    pair = Pair(without=without, by_octet=by_octet)
    content = b"Subject: x\r\n\r\n" + b"".join(line + b"\r\n" for line in lines)
    for _ in range(2):
        ended = pair.send(content, Body.SEVEN_BIT, blocks=blocks)
        assert [reply.code for reply in ended.replies] == [250]
    assert pair.site.kept == [content, content]


@given(
    content=st.binary(min_size=1, max_size=60), blocks=st.integers(1, 30) | st.none(), by_octet=st.booleans()
)
def test_binary_arrives_as_it_was_sent(content: bytes, blocks: int | None, by_octet: bool) -> None:
    pair = Pair(without="", by_octet=by_octet)
    content = b"Subject: x\r\n\r\n" + content
    ended = pair.send(content, Body.BINARY, blocks=blocks)
    assert [reply.code for reply in ended.replies] == [250]
    assert pair.site.kept == [content]


@pytest.mark.parametrize("without", WITHOUT)
@pytest.mark.parametrize("lmtp", [False, True])
def test_the_server_refuses_one_of_three_and_the_client_knows_which(without: str, lmtp: bool) -> None:
    """A60."""
    pair = Pair(without=without, by_octet=False, lmtp=lmtp)
    pair.site.refused = {"u1@example.net"}
    ended = pair.send(b"Subject: x\r\n\r\n", Body.SEVEN_BIT, blocks=None, recipients=3)
    assert [reply.code for reply in ended.replies] == [250, 550, 250]


@pytest.mark.parametrize("without", WITHOUT)
def test_the_server_refuses_all_and_the_next_message_goes_through(without: str) -> None:
    """A60."""
    pair = Pair(without=without, by_octet=False)
    pair.site.refused = {"u0@example.net"}
    ended = pair.send(b"Subject: x\r\n\r\n", Body.SEVEN_BIT, blocks=None)
    assert [reply.code for reply in ended.replies] == [550]
    pair.site.refused = set()
    ended = pair.send(b"Subject: y\r\n\r\n", Body.SEVEN_BIT, blocks=None)
    assert [reply.code for reply in ended.replies] == [250]
    assert pair.site.kept == [b"Subject: y\r\n\r\n"]
