"""`sendmail -bs`: a session on a pipe, whose messages end in the maildrop."""

import pytest
from tests.unit.sendmail.conftest import House

from mailrail.maildrop import Handed
from mailrail.sendmail import pipe
from mailrail.sendmail.pipe import _Session

LETTER = b"Subject: x\r\n\r\n..\r\nhello\r\n.\r\n"


def spoken(
    house: House,
    text: bytes,
    monkeypatch: pytest.MonkeyPatch,
    *,
    piece: int = 0,
    reply: tuple[int, str] = (0, ""),
) -> list[str]:
    """Return the replies to *text*, said in pieces."""
    out = bytearray()

    with monkeypatch.context() as patch:
        patch.setattr(pipe, "ask", lambda _maildrop, _name: reply)
        patch.setattr(pipe, "_put", out.extend)
        session = _Session(str(house.maildrop), 100_000)
        session.begin()
        for at in range(0, len(text), piece or len(text)):
            session.feed(text[at : at + (piece or len(text))])
        session.forget()
    return out.decode().split("\r\n")[:-1]


def codes(lines: list[str]) -> list[str]:
    return [line[:3] for line in lines if line[3:4] != "-"]


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_message_is_handed_in_whatever_ends_the_lines(
    house: House, monkeypatch: pytest.MonkeyPatch, piece: int, end: bytes
) -> None:
    text = b"EHLO me\r\nMAIL FROM:<ann@x.example>\r\nRCPT TO:<bob@x.example>\r\nRCPT TO:<eve@x.example>\r\nDATA\r\n"
    said = spoken(house, (text + LETTER + b"QUIT\r\n").replace(b"\r\n", end), monkeypatch, piece=piece)
    assert codes(said) == ["220", "250", "250", "250", "250", "354", "250", "221"]
    assert said[-2] == "250 2.0.0 Handed in"
    ((handed, content),) = house.handed_in()
    assert handed == Handed(["bob@x.example", "eve@x.example"], sender="ann@x.example")
    assert content == b"Subject: x\r\n\r\n.\r\nhello\r\n"


def test_what_the_server_says_is_said_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<bob@x.example>\r\nDATA\r\n" + LETTER
    said = spoken(house, text, monkeypatch, reply=(550, "5.1.1 No such user"))
    assert said[-1] == "550 5.1.1 No such user"
    said = spoken(house, text, monkeypatch, reply=(250, "2.0.0 Queued as X"))
    assert said[-1] == "250 2.0.0 Queued as X"
    assert house.handed_in()[0][0].sender == ""


@pytest.mark.parametrize(
    "text",
    [
        b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<bob@x.example>\r\nDATA\r\nSubject: x\r\n\r\nnever ends\r\n",
        b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<bob@x.example>\r\nDATA\r\n" + b"x" * 200_000 + b"\r\n.\r\n",
        b"HELO me\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n",
        b"EHLO me\r\nMAIL FROM:<> BODY=BINARYMIME\r\nSTARTTLS\r\nAUTH PLAIN\r\nBDAT 3 LAST\r\nabcQUIT\r\n",
    ],
)
def test_what_is_not_finished_or_not_taken_leaves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    spoken(house, text, monkeypatch)
    assert house.handed_in() == []


def test_where_nothing_can_be_written_it_says_try_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house.maildrop / "new").rmdir()
    said = spoken(
        house, b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<bob@x.example>\r\nDATA\r\nQUIT\r\n", monkeypatch
    )
    assert codes(said)[4:] == ["451", "221"]
    (house.maildrop / "new").mkdir()
