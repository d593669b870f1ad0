"""Every file of tests/corpus/client is one session, seen from the client (rows A5, A6, A55, A58, A60).

How to read them: `#` comment, `role:`/`from:`/`to:`/`text:`/`body:`/`dsn:` what is sent, `>` what our program
wants, `C:` what the client must say, `S:` what the server says (`s:` the same without CRLF, with
Python escapes), `=` what our program must be told (`?=`: only when octets come singly), `!` the error that must come. Neighbouring S: lines
arrive in one piece, and in a second run one octet at a time.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailrail.model import (
    Body,
    Envelope,
    LocalProtocolError,
    MailrailError,
    Notify,
    Recipient,
    RemoteProtocolError,
    Ret,
    parse_address,
)
from mailrail.smtp.client import ClientConnection
from mailrail.smtp.client_events import (
    Answered,
    Challenged,
    ClientEvent,
    ContentWanted,
    Dismissed,
    Ended,
    Role,
)

CORPUS = Path(__file__).parents[2] / "corpus" / "client"
DIALOGUES = sorted(CORPUS.glob("*.txt"))
ERRORS: dict[str, type[MailrailError]] = {
    "remote": RemoteProtocolError,
    "local": LocalProtocolError,
}


def escaped(text: str) -> bytes:
    return text.encode().decode("unicode_escape").encode("latin-1")


def told(event: ClientEvent) -> str:
    match event:
        case Answered(stage, reply):
            return f"answered {stage.value}: {reply}"
        case Challenged(challenge):
            return f"challenged: {challenge.decode()}"
        case ContentWanted():
            return "content wanted"
        case Ended(replies, stages):
            answers = [f"{stage.value}: {reply}" for reply, stage in zip(replies, stages, strict=True)]
            return "ended " + " | ".join(answers)
        case Dismissed(reply):
            return f"dismissed: {reply}"


@dataclass
class Player:
    """Plays one dialogue against a ClientConnection."""

    by_octet: bool
    client: ClientConnection = field(default_factory=ClientConnection)
    facts: dict[str, list[str]] = field(default_factory=dict)
    said: bytes = b""
    events: list[str] = field(default_factory=list)
    error: str = ""

    def play(self, lines: list[str]) -> None:
        incoming = b""
        for number, line in enumerate([*lines, "# end"], 1):
            mark, _, words = line.partition(" ")
            if mark in ("S:", "s:"):
                incoming += (words + "\r\n").encode() if mark == "S:" else escaped(words)
                continue
            if incoming:
                self.feed(incoming)
                incoming = b""
            self.line(number, mark, words)
        assert self.said == b""
        assert self.events == []
        assert self.error == ""

    def line(self, number: int, mark: str, words: str) -> None:
        match mark:
            case "#" | "":
                pass
            case ">":
                self.want(words)
            case "C:":
                said, _, self.said = self.said.partition(b"\r\n")
                assert said.decode().replace("\n", r"\n") == words, f"line {number}"
            case "=":
                assert self.events, f"line {number}: nothing was told"
                assert self.events.pop(0) == words, f"line {number}"
            case "?=":
                if self.events:
                    assert self.events.pop(0) == words, f"line {number}"
            case "!":
                assert self.error == words, f"line {number}"
                self.error = ""
            case "role:":
                self.client = ClientConnection(Role(words))
            case _ if mark.endswith(":"):
                self.facts.setdefault(mark[:-1], []).append(words)
            case _:
                pytest.fail(f"line {number} is no line of a dialogue: {mark} {words}")

    def feed(self, data: bytes) -> None:
        pieces = [data[n : n + 1] for n in range(len(data))] if self.by_octet else [data]
        try:
            for piece in pieces:
                self.client.receive(piece)
                while (event := self.client.next_event()) is not None:
                    self.events.append(told(event))
        except RemoteProtocolError:
            self.error = "remote"
        self.said += self.client.data_to_send()

    def want(self, words: str) -> None:
        verb, _, rest = words.partition(" ")
        client = self.client
        try:
            match verb:
                case "hello":
                    client.hello(rest)
                case "helo":
                    client.hello(rest, extended=False)
                case "auth":
                    mechanism, _, initial = rest.partition(" ")
                    client.auth(mechanism, escaped(initial) if initial else None)
                case "respond":
                    client.respond(escaped(rest))
                case "begin" | "stream":
                    self.begin(is_whole=verb == "begin")
                case "content":
                    client.send_content(escaped(rest))
                case "last":
                    client.send_content(escaped(rest), is_last=True)
                case _:
                    {
                        "starttls": client.starttls,
                        "tls_up": client.tls_up,
                        "cancel": client.cancel_auth,
                        "reset": client.reset,
                        "quit": client.quit,
                    }[verb]()
        except LocalProtocolError:
            self.error = "local"
        self.said += client.data_to_send()

    def begin(self, *, is_whole: bool) -> None:
        facts = self.facts
        has_dsn = "dsn" in facts
        recipients = tuple(
            Recipient(
                parse_address(to),
                Notify.SUCCESS | Notify.FAILURE if has_dsn else Notify.DEFAULT,
                f"rfc822;{to}" if has_dsn else "",
            )
            for to in facts["to"]
        )
        sender = facts["from"][-1]
        envelope = Envelope(
            parse_address(sender) if sender else None,
            recipients,
            smtputf8=not "".join([sender, *facts["to"]]).isascii(),
            ret=Ret.HDRS if has_dsn else None,
            envid=facts["dsn"][-1] if has_dsn else "",
        )
        content = escaped(facts.get("text", [r"Hi\r\n"])[-1])
        body = Body(facts.get("body", ["7BIT"])[-1])
        self.client.begin(
            envelope, recipients, size_bytes=len(content), body=body, whole=content if is_whole else None
        )


@pytest.mark.parametrize("by_octet", [False, True], ids=["whole", "octets"])
@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_the_client_speaks_as_the_dialogue_says(path: Path, by_octet: bool) -> None:
    Player(by_octet).play(path.read_text("utf-8").splitlines())


def test_there_are_dialogues() -> None:
    assert len(DIALOGUES) > 20
