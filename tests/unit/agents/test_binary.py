"""Binary mail (RFC 3030) where it is kept or handed on as text, and where it is not."""

import asyncio
import email
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.unit.agents.desk import Desk, letter, mailbox, read, replies

from mailrail.agents import HandedOver
from mailrail.agents.api import Letter
from mailrail.agents.settings import AgentSettings
from mailrail.model import Body
from mailrail.sim import simulate
from mailrail.spool import SMALL_BYTES

OCTETS = b"\x00\r\n\n\rFrom here\n\xff\xfe.\r\n" + bytes(range(256))
HEADER = b"From: ann@example.com\r\nMIME-Version: 1.0\r\nContent-Type: %b\r\nContent-Transfer-Encoding: binary\r\n\r\n"
PLAIN = HEADER % b"application/octet-stream"
TAKEN: list[bytes] = []


def binary(content: bytes) -> Letter:
    one = letter("bob@example.org", content=content)
    message = one.message
    return replace(
        one, message=replace(message, envelope=replace(message.envelope, body=Body.BINARY), has_8bit=True)
    )


def desk(**settings: object) -> Desk:
    return Desk(AgentSettings.model_validate(settings))


def payload(mail: bytes) -> bytes:
    """Return what a reader of mail gets to see of *mail*, which has the line ends of the system."""
    assert b"\r" not in mail
    assert b"\0" not in mail
    found = email.message_from_bytes(mail).get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


@pytest.mark.parametrize("count", [1, SMALL_BYTES // 200])
def test_what_becomes_a_file_with_the_line_ends_of_the_system_keeps_every_octet(count: int) -> None:
    content = PLAIN + OCTETS * count
    box = desk(kind="maildir", path="/mail/{local_part}")
    assert replies(simulate(box.try_once(binary(content)))) == ["Delivered 250 2.0.0"]
    (mail,) = mailbox(box.disk, "/mail/bob")
    assert payload(mail) == OCTETS * count
    file = desk(kind="mbox", path="/mail/{local_part}")
    assert replies(simulate(file.try_once(binary(content)))) == ["Delivered 250 2.0.0"]
    assert payload(read(file.disk, Path("/mail/bob")).partition(b"\n")[2]) == OCTETS * count


def test_a_program_gets_every_octet_as_well(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    pipe = desk(kind="pipe", command=["/usr/bin/tee", str(seen)])
    assert replies(asyncio.run(pipe.try_once(binary(PLAIN + OCTETS)))) == ["Delivered 250 2.0.0"]
    assert payload(seen.read_bytes()) == OCTETS


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (HEADER % b'multipart/signed; boundary="x"' + b"--x\r\n\r\na\nb\r\n--x--\r\n", "Failed 554 5.6.3"),
        (b"From: ann@example.com\nSubject: x\r\n\r\na\r\n", "Failed 554 5.6.1"),
    ],
)
@pytest.mark.parametrize("kind", ["maildir", "mbox", "pipe"])
def test_what_cannot_be_converted_goes_back(kind: str, content: bytes, answer: str) -> None:
    more: dict[str, object] = {"command": ["/bin/true"]} if kind == "pipe" else {"path": "/mail/bob"}
    assert replies(simulate(desk(kind=kind, **more).try_once(binary(content)))) == [answer]


def take(envelope: HandedOver, message: BinaryIO) -> None:
    TAKEN.append(message.read())


def test_a_function_gets_it_as_it_came() -> None:
    TAKEN.clear()
    own = desk(kind="function", function=f"{__name__}:take")
    assert replies(simulate(own.try_once(binary(PLAIN + OCTETS)))) == ["Delivered 250 2.0.0"]
    assert TAKEN == [PLAIN + OCTETS]
