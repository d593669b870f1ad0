"""A server core with a handler that takes everything, driven by dialogue files.

Lines of a dialogue: `C: text` a line from the client, CRLF added; `C~ bytes` the same with Python escapes and
nothing added; `C* word n` a line of n repetitions, escapes allowed (`raw`: without CRLF); `S: line` what the server
must answer next, whole; `S* prefix` one line of that beginning (an EHLO answer counts as one);
`= fact` what must be true now; `> handshake` TLS is up. What the client says until the next `S` arrives as one segment.
Above the first of these, `key: value` settings.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from mailrail.model import Reply
from mailrail.model import reply as say
from mailrail.smtp import (
    Auth,
    AuthCancelled,
    AuthResponse,
    Chunk,
    DataStart,
    EndOfData,
    Event,
    Hello,
    Mail,
    Offer,
    Offers,
    Rcpt,
    Refused,
    Reset,
    ServerConnection,
    StartTls,
    Verify,
    Xclient,
)


@dataclass(frozen=True)
class SmallLimits:
    """Limits that a dialogue can reach."""

    command_line_bytes: int = 2048
    auth_line_bytes: int = 12_288
    text_line_bytes: int = 2000
    message_bytes: int = 100_000
    recipients: int = 3
    errors: int = 10
    junk: int = 20
    messages: int = 4
    repair_line_ends: bool = False


@dataclass
class Site:
    """A core and what its handler has seen."""

    core: ServerConnection
    refused: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)
    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    content: bytes = b""
    said: bytes = b""
    prompts: list[bytes] = field(default_factory=list)

    def feed(self, data: bytes) -> None:
        """Give the core bytes and answer its events; one that says it is dry must be so."""
        event = self.core.next_event(data)
        while event is not None:
            self.events.append(event)
            is_dry = self.core.asked is not None and self.core.is_dry
            self._answer(event)
            said = self.core.output
            event = self.core.next_event()
            assert not is_dry or (event is None and self.core.output == said), (
                "a shell would not have asked again"
            )
        self.said += self.core.data_to_send()

    def _answer(self, event: Event) -> None:
        match event:
            case Hello():
                if self.core.future_release_s:
                    self.core.latest_release = "2026-12-01T00:00:00Z"
                self.core.reply(say.HELLO)
            case Mail(reverse_path=path):
                self.sender, self.recipients, self.content = str(path or "<>"), [], b""
                self.core.reply(say.SENDER_OK)
            case Rcpt(forward_path=to):
                if str(to) in self.refused:
                    self.core.reply(say.NO_SUCH_USER)
                else:
                    self.recipients.append(str(to))
                    self.core.reply(say.RECIPIENT_OK)
            case DataStart():
                self.core.reply(say.START_DATA)
            case Chunk(content=content):
                self.content += content
            case EndOfData(content=content):
                self.kept.append(self.content + content)
                self.core.reply(say.DONE)
            case Refused() | Reset():
                self.content = b""
            case StartTls():
                self.core.reply(say.TLS_READY)
            case Auth() | AuthResponse() | AuthCancelled():
                self._auth(event)
            case Verify():
                self.core.reply(say.CANNOT_VERIFY)
            case Xclient(client=client):
                self.core.reply(say.NO_SERVICE if client.host == "" else say.GREETING)

    def _auth(self, event: Auth | AuthResponse | AuthCancelled) -> None:
        match event:
            case Auth(mechanism="LOGIN"):
                self.prompts = [b"Password:"]
                self.core.reply(_prompt(b"Username:"))
            case Auth(initial=None):
                self.core.reply(say.AUTH_CONTINUE)
            case AuthResponse() if self.prompts:
                self.core.reply(_prompt(self.prompts.pop()))
            case Auth(initial=response) | AuthResponse(response=response):
                is_right = response in (b"\0ann\0secret", b"secret")
                self.core.reply(say.AUTH_DONE if is_right else say.AUTH_FAILED)
            case AuthCancelled():
                self.prompts = []


def _prompt(text: bytes) -> Reply:
    return say.AUTH_CONTINUE.with_text(b64encode(text).decode())


def make_site(
    *,
    tls: bool = False,
    auth: tuple[str, ...] = (),
    lmtp: bool = False,
    limits: SmallLimits | None = None,
    requiretls: bool = False,
    future_release_s: int = 0,
    mt_priority: bool = False,
    deliver_by_s: int = 0,
) -> Site:
    """Return a site that has said its greeting."""
    limits = limits or SmallLimits()
    offer = Offer(
        "mx.example",
        limits.message_bytes,
        limits.recipients,
        limits.messages,
        tls,
        auth,
        has_requiretls=requiretls,
        future_release_s=future_release_s,
        has_mt_priority=mt_priority,
        deliver_by_s=deliver_by_s,
    )
    site = Site(ServerConnection(limits, Offers.of(offer), is_lmtp=lmtp))
    site.core.greet(say.GREETING.with_text("mx.example ESMTP"))
    site.said += site.core.data_to_send()
    return site


class Dialogue:
    """One file of tests/corpus/server."""

    def __init__(self, path: Path) -> None:
        lines = path.read_text().split("\n")
        self.settings: dict[str, str] = {}
        self.steps: list[tuple[str, str]] = []
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            if line[:2] in ("C:", "C~", "C*", "S:", "S*", "= ", "> ") or line == "=":
                self.steps.append((line[:2], line[3:] if line[2:3] == " " else line[2:]))
            else:
                key, _, value = line.partition(": ")
                self.settings[key] = value

    @property
    def segments_matter(self) -> bool:
        """Tell whether the dialogue says something about what arrives together."""
        return self.settings.get("segments") == "matter"

    def site(self) -> Site:
        """Return the server that the dialogue is held with."""
        site = make_site(
            tls=self.settings.get("tls") == "yes",
            auth=tuple(self.settings.get("auth", "").split()),
            lmtp=self.settings.get("lmtp") == "yes",
            requiretls=self.settings.get("requiretls") == "yes",
            future_release_s=int(self.settings.get("future_release_s", 0)),
            mt_priority=self.settings.get("mt_priority") == "yes",
            deliver_by_s=int(self.settings.get("deliver_by_s", 0)),
        )
        site.core.takes_xclient = self.settings.get("xclient") == "yes"
        site.refused = {self.settings["refuse"]} if "refuse" in self.settings else set()
        return site


def client_bytes(kind: str, text: str) -> bytes:
    """Return what a C line puts on the wire."""
    if kind == "C:":
        return text.encode() + b"\r\n"
    if kind == "C~":
        return text.encode("latin-1").decode("unicode_escape").encode("latin-1")
    words = text.split(" ")
    is_raw = words[-1] == "raw"
    count = int(words[-2] if is_raw else words[-1])
    word = " ".join(words[: -2 if is_raw else -1]).encode().decode("unicode_escape").encode("latin-1")
    return word * count + (b"" if is_raw else b"\r\n")


def hold(dialogue: Dialogue, *, byte_by_byte: bool) -> Site:
    """Play a dialogue, checking every line of it."""
    site = dialogue.site()
    waiting = b""
    for kind, text in dialogue.steps:
        if kind[0] == "C":
            waiting += client_bytes(kind, text)
            continue
        if waiting:
            for piece in (waiting[n : n + 1] for n in range(len(waiting))) if byte_by_byte else (waiting,):
                site.feed(piece)
            waiting = b""
        if kind[0] == "S":
            _expect(site, kind, text)
        elif kind == "> ":
            site.core.tls_started()
        else:
            _check(site, text)
    assert site.said == b"", f"said more than expected: {site.said!r}"
    return site


def _expect(site: Site, kind: str, text: str) -> None:
    line, _, rest = site.said.partition(b"\r\n")
    if kind == "S*":
        while line[3:4] == b"-":
            line, _, rest = rest.partition(b"\r\n")
        assert line.decode().startswith(text), f"{line!r} does not begin with {text!r}"
    else:
        assert line.decode() == text
    site.said = rest


def _check(site: Site, fact: str) -> None:
    word, _, value = fact.partition(" ")
    match word:
        case "over":
            assert site.core.is_over
        case "kept" if value == "nothing":
            assert site.kept == []
        case "kept":
            assert site.kept.pop(0) == value.encode("latin-1").decode("unicode_escape").encode("latin-1")
        case "from":
            assert site.sender == value
        case "to":
            assert site.recipients == value.split()
        case _:
            raise AssertionError(f"unknown fact {fact!r}")
