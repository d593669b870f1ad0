"""Services: what they are told, what their answers mean, and how long they may take and be left alone."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.unit.agents.desk import CONTENT, Desk, letter, replies

from mailrail.agents.api import Agent, Letter
from mailrail.agents.http import read_key, retry_after_s, signature
from mailrail.agents.settings import AgentSettings
from mailrail.message import parse_date
from mailrail.model import SECOND_US, Blame, Deferred, Outcome, Recipient, SettingsError, parse_address
from mailrail.spool import SMALL_BYTES

BOB, EVE = "bob@example.org", "eve@example.org"
DELIVERED, UNUSABLE, LATER, REFUSED = (
    "Delivered 250 2.0.0", "Deferred 451 4.3.5", "Deferred 451 4.3.0", "Failed 554 5.3.0",
)  # fmt: skip


@dataclass
class Service:
    """Answers each connection with the next of *answers*, the last again and again; b"" hangs up, None says nothing."""

    answers: list[bytes | None]
    url: str = ""
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one call."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")[1:-2]
        fields = {name.lower(): text for name, _, text in (line.partition(": ") for line in head)}
        self.calls.append((fields, await reader.readexactly(int(fields["content-length"]))))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await reader.read()  # until the caller has had enough
        else:
            writer.write(answer)
        writer.close()


@asynccontextmanager
async def listening(service: Service) -> AsyncIterator[Service]:
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, limit=1 << 24)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mail?x=1"
    try:
        yield service
    finally:
        server.close()


def agent(url: str, **more: object) -> Agent:
    return Desk(AgentSettings.model_validate({"kind": "http", "url": url, **more})).agent()


def posted(service: Service, *letters: Letter, **more: object) -> list[Outcome]:
    """Deliver *letters* by one agent, one after another."""

    async def main() -> list[Outcome]:
        async with listening(service):
            one = agent(service.url, **more)
            try:
                return [outcome for each in letters for outcome in await one.deliver(each)]
            finally:
                one.close()

    return asyncio.run(main())


def saying(status: int, *fields: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} So", *fields, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("status", "means", "blame"),
    [
        (200, DELIVERED, None),
        (202, DELIVERED, None),
        (204, DELIVERED, None),
        (302, UNUSABLE, Blame.OURSELVES),
        (400, REFUSED, Blame.MESSAGE),
        (401, UNUSABLE, Blame.OURSELVES),
        (403, REFUSED, Blame.MESSAGE),
        (404, REFUSED, Blame.MESSAGE),
        (407, UNUSABLE, Blame.OURSELVES),
        (408, LATER, Blame.DESTINATION),
        (413, REFUSED, Blame.MESSAGE),
        (425, LATER, Blame.DESTINATION),
        (429, LATER, Blame.DESTINATION),
        (500, LATER, Blame.DESTINATION),
        (503, LATER, Blame.DESTINATION),
    ],
)
def test_what_a_status_means(status: int, means: str, blame: Blame | None) -> None:
    service = Service([saying(status, "Location: http://127.0.0.1:1/", body=b"so \x07 it is\r\n" * 1000)])
    (outcome,) = posted(service, letter(BOB))
    assert replies([outcome]) == [means]
    assert getattr(outcome, "blame", None) is blame
    if blame is not None:
        assert f"the service answered {status} So: so ? it is" in outcome.reply.text
        assert len(outcome.reply.text) < 1100, "what it says is bounded"
    assert len(service.calls) == 1, "no redirect is followed"


@pytest.mark.parametrize("answer", [b"", b"220 mx.example ESMTP\r\n"])
def test_what_does_not_speak_http_is_no_service_now(answer: bytes) -> None:
    (outcome,) = posted(Service([answer]), letter(BOB))
    assert replies([outcome]) == [LATER]
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.DESTINATION


def test_a_service_that_is_not_there_keeps_all_mail_for_it_waiting() -> None:
    one = Desk(AgentSettings.model_validate({"kind": "http", "url": "http://127.0.0.1:1/"}))
    (outcome,) = asyncio.run(one.try_once(letter(BOB)))
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.DESTINATION
    assert "http://127.0.0.1:1/: " in outcome.reply.text


def test_a_service_that_says_nothing_is_given_up_at_its_time() -> None:
    (outcome,) = posted(Service([None]), letter(BOB), timeout_s=1)
    assert replies([outcome]) == ["Deferred 451 4.4.2"]
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.DESTINATION


def test_whoever_says_retry_after_is_left_alone_till_then() -> None:
    busy, ready = saying(503, "Retry-After: 3600"), saying(200)
    service = Service([busy, ready])
    outcomes = posted(service, letter(BOB), letter(EVE, number=2))
    assert replies(outcomes) == [LATER] * 2
    assert len(service.calls) == 1
    at_once = Service([saying(503, "Retry-After: 0"), ready])
    assert replies(posted(at_once, letter(BOB), letter(EVE, number=2))) == [LATER, DELIVERED]
    refused = Service([saying(400, "Retry-After: 3600"), ready])
    assert replies(posted(refused, letter(BOB), letter(EVE, number=2))) == [REFUSED, DELIVERED]


AT_US = parse_date("Wed, 21 Oct 2015 07:26:30 +0000") or 0


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("99999999", 86_400),
        ("1" * 400, 0),
        ("-5", 0),
        ("1e3", 0),
        ("\u0663", 0),
        ("", 0),
        ("soon", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 90),
        ("Wed, 21 Oct 2015 07:26:00 GMT", 0),
        ("Sat, 21 Oct 2045 07:28:00 GMT", 86_400),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(text: str, wait_s: float) -> None:
    assert retry_after_s(text, AT_US) == wait_s


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.touch(0o600)
    return file


def key_in(file: Path, text: str) -> bytes:
    file.write_text(text)
    return read_key(AgentSettings.model_validate({"kind": "http", "url": "https://x/", "secret_file": file}))


def test_calls_are_signed_as_standard_webhooks_has_it(secret: Path) -> None:
    """The vector that the libraries of Standard Webhooks are tested with."""
    key = key_in(secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    body = io.BytesIO(b'{"test": 2432232314}')
    body.seek(0, io.SEEK_END)
    seal = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    assert seal == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_that_is_no_base64_is_the_key_itself(secret: Path) -> None:
    assert key_in(secret, "correct horse\n") == b"correct horse"
    assert key_in(secret, "whsec_correct horse\n") == b"whsec_correct horse"
    with pytest.raises(SettingsError):
        key_in(secret, "\n")


@pytest.mark.parametrize("content", [CONTENT, b"Subject: x\r\n\r\n" + b"line\r\n" * (SMALL_BYTES // 3)])
def test_the_message_is_posted_as_it_is_and_signed_whole(secret: Path, content: bytes) -> None:
    key = key_in(secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    service = Service([saying(200)])
    bob = Recipient(parse_address(BOB), orcpt="rfc822;team@example.org")
    one = letter(bob, EVE, content=content)
    assert replies(posted(service, one, body="raw", secret_file=secret)) == [DELIVERED] * 2
    assert [body for _, body in service.calls] == [content] * 2
    for index, (fields, body) in enumerate(service.calls):
        assert fields["webhook-id"] == f"{one.message.queue_id}.{index}"
        now_s = int(fields["webhook-timestamp"])
        assert now_s >= one.message.arrived_us // SECOND_US
        assert fields["webhook-signature"] == signature(key, fields["webhook-id"], now_s, io.BytesIO(body))
        assert fields["content-type"] == "message/rfc822"
    told = [json.loads(base64.b64decode(fields["mailrail-envelope"])) for fields, _ in service.calls]
    assert [one["recipients"] for one in told] == [[BOB], [EVE]]
    assert told[0]["original_recipients"] == ["team@example.org"]


def test_one_call_for_all_has_two_parts_and_no_signature_without_a_secret() -> None:
    service = Service([saying(200)])
    one = letter(BOB, EVE, sender=None)
    assert replies(posted(service, one, together=True)) == [DELIVERED] * 2
    ((fields, body),) = service.calls
    assert "webhook-signature" not in fields
    assert fields["webhook-id"] == one.message.queue_id
    boundary = fields["content-type"].removeprefix("multipart/form-data; boundary=").encode()
    _, envelope, message, end = body.split(b"--" + boundary)
    assert message.partition(b"\r\n\r\n")[2] == CONTENT + b"\r\n"
    assert end == b"--\r\n"
    told = json.loads(envelope.partition(b"\r\n\r\n")[2])
    assert (told["sender"], told["recipients"]) == ("", [BOB, EVE])
