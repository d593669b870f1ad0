"""Floor 4 · agents — posts messages to a service.

`body = "multipart"`: multipart/form-data with two parts, `envelope` (JSON) and `message` (as it is stored, CRLF). `body = "raw"`: the message alone;
the envelope is in the field `Mailrail-Envelope`, as Base64 of the same JSON. What a call says of itself is that of Standard Webhooks: `webhook-id` is the
queue id (and the recipient's number where each is called for), the same at each try, so that a service may know a repetition; with a secret
`webhook-signature` is HMAC-SHA256 over id, time and body.

2xx is delivered. 408, 425, 429 and 5xx wait, for as long as `Retry-After` says at least; 401 and 407 are our own trouble; any other 4xx is
a no for good. Redirects are not followed, and nothing of the environment is: no proxies, no passwords.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from typing import IO, Final

from mailrail.agents import classify
from mailrail.agents.api import Letter
from mailrail.agents.copying import beginning_of, copy_into, scratch
from mailrail.agents.postmark import sender_for
from mailrail.agents.settings import AgentSettings
from mailrail.agents.tools import Tools
from mailrail.message import date_text, parse_date
from mailrail.model import SECOND_US, Blame, Outcome, Recipient
from mailrail.net import client_context
from mailrail.tables import connection_to, read_secret

_BOUNDARY_OCTETS: Final = 16
_PIECE_OCTETS: Final = 65_536
_ANSWER_OCTETS: Final = 4096
_MOST_WAIT_S: Final = 86_400.0  # a service that says "next year" is asked tomorrow
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 -- of Standard Webhooks; the rest is Base64


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said.

    Attributes:
        retry_after: that field, "" if it is not there.
    """

    status: int
    reason: str
    body: bytes
    retry_after: str


class HttpAgent:
    """Delivers by HTTP (an Agent)."""

    def __init__(self, settings: AgentSettings, tools: Tools) -> None:
        """Read the secret and the authorities.

        Raises:
            SettingsError: one of them cannot be read.
        """
        self._settings = settings
        self._tools = tools
        self._key = read_key(settings)
        self._tls = tls_for(settings)
        self._not_before_s = 0.0  # loop time until which the service wants no call
        self._last: Outcome | None = None

    async def deliver(self, letter: Letter) -> Sequence[Outcome]:
        """Call the service, once for each recipient or once for all."""
        if self._settings.together:
            return [await self._post(letter, letter.recipients, letter.message.queue_id)] * len(
                letter.indexes
            )
        outcomes = []
        for index, recipient in zip(letter.indexes, letter.recipients, strict=True):
            outcomes.append(await self._post(letter, [recipient], f"{letter.message.queue_id}.{index}"))
        return outcomes

    def explain(self, recipient: Recipient) -> list[str]:
        """Say where to."""
        signed = "signed" if self._key else "not signed"
        return [f"posted to {self._settings.url} ({self._settings.body}, {signed})"]

    def close(self) -> None:
        """Take nothing more."""
        self._tools.threads.close()

    async def _post(self, letter: Letter, recipients: Sequence[Recipient], call_id: str) -> Outcome:
        loop, tools, limit_s = asyncio.get_running_loop(), self._tools, self._settings.timeout_s
        if self._last is not None and loop.time() < self._not_before_s:
            return self._last
        now_us = tools.clock.now_us()
        envelope = json.dumps(envelope_of(letter, recipients), ensure_ascii=False).encode("utf-8", "replace")
        with scratch() as body:
            fields = await self._write(body, letter, envelope, call_id)
            fields |= {"webhook-id": call_id, "webhook-timestamp": str(now_us // SECOND_US)}
            if self._key:
                seal = await tools.threads.run(
                    partial(signature, self._key, call_id, now_us // SECOND_US, body)
                )
                fields["webhook-signature"] = seal
            call = _Call(self._settings.url, fields, body, self._tls, limit_s)
            try:
                answer = await tools.threads.within(limit_s, call.run, call.give_up)
            except TimeoutError:
                answer = None  # the socket, which has the same limit, was first
            except (OSError, HTTPException) as error:
                return classify.no_service(f"{self._settings.url}: {str(error) or type(error).__name__}")
        if answer is None:
            return classify.too_slow(limit_s, Blame.DESTINATION)
        outcome = classify.from_http(answer.status, answer.reason, answer.body)
        wait_s = retry_after_s(answer.retry_after, now_us) if classify.may_wait(answer.status) else 0.0
        self._not_before_s, self._last = loop.time() + wait_s, outcome if wait_s else None
        return outcome

    async def _write(self, body: IO[bytes], letter: Letter, envelope: bytes, call_id: str) -> dict[str, str]:
        """Write the body and return the fields that say what it is."""
        beginning = await beginning_of(letter)
        copy = partial(copy_into, body, letter, beginning, self._tools.threads, unix_ends=False)
        if self._settings.body == "raw":
            await copy()
            encoded = base64.b64encode(envelope).decode("ascii")
            return {"Content-Type": "message/rfc822", "Mailrail-Envelope": encoded}
        # Nobody who writes a message knows its queue id before, nor the key that the boundary is made with.
        seed = hashlib.sha256(self._key + call_id.encode() + beginning).hexdigest()
        boundary = f"mailrail-{seed[: 2 * _BOUNDARY_OCTETS]}"
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="{{}}"\r\nContent-Type: {{}}\r\n\r\n'
        body.write(part.format("envelope", "application/json").encode() + envelope + b"\r\n")
        head = part.format('message"; filename="message.eml', "message/rfc822")
        body.write(head.encode())
        await copy()
        body.write(f"\r\n--{boundary}--\r\n".encode())
        return {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def envelope_of(letter: Letter, recipients: Sequence[Recipient]) -> dict[str, object]:
    """Return what a service is told of a message, beside the message."""
    message = letter.message
    sender = sender_for(message.envelope, recipients[0])
    return {
        "queue_id": message.queue_id,
        "sender": str(sender or ""),
        "recipients": [one.forward_path.text for one in recipients],
        "original_recipients": [one.orcpt.partition(";")[2] or one.forward_path.text for one in recipients],
        "arrived": date_text(message.arrived_us),
        "size_bytes": message.size_bytes,
        "client": message.origin.client,
        "user": message.origin.user,
    }


def signature(key: bytes, call_id: str, now_s: int, body: IO[bytes]) -> str:
    """Sign a call as Standard Webhooks has it; blocks."""
    seal = hmac.new(key, f"{call_id}.{now_s}.".encode(), hashlib.sha256)
    body.seek(0)
    while piece := body.read(_PIECE_OCTETS):
        seal.update(piece)
    return "v1," + base64.b64encode(seal.digest()).decode("ascii")


def retry_after_s(text: str, now_us: int) -> float:
    """Return how long a service wants to be left alone: seconds or a date (RFC 9110 §10.2.3), at most a day."""
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) < 12:
        return min(float(text), _MOST_WAIT_S)
    until_us = parse_date(text.replace("GMT", "+0000"))
    return 0.0 if until_us is None else min(max((until_us - now_us) / SECOND_US, 0.0), _MOST_WAIT_S)


class _Call:
    """One request on a connection of its own; blocks."""

    def __init__(
        self, url: str, fields: dict[str, str], body: IO[bytes], tls: ssl.SSLContext, timeout_s: float
    ) -> None:
        self._connection, self._path = connection_to(url, tls, timeout_s)
        self._fields = fields
        self._body = body

    def run(self) -> Answer:
        """Ask."""
        length = self._body.seek(0, 2)
        self._body.seek(0)
        headers = {"User-Agent": "mailrail", "Content-Length": str(length), **self._fields}
        try:
            self._connection.request("POST", self._path, self._body, headers)
            with self._connection.getresponse() as response:
                body = response.read(_ANSWER_OCTETS)
                retry_after = response.getheader("Retry-After", "")
        finally:
            self._connection.close()
        return Answer(response.status, response.reason, body, retry_after)

    def give_up(self) -> None:
        """Have `run` fail soon, from any thread."""
        if self._connection.sock is not None:
            _shut(self._connection.sock.shutdown)


def _shut(shutdown: Callable[[int], None]) -> None:
    with contextlib.suppress(OSError):  # it may be shut already
        shutdown(socket.SHUT_RDWR)


def read_key(settings: AgentSettings) -> bytes:
    """Return the key that calls are signed with, b"" for none; blocks.

    Raises:
        SettingsError: its file cannot be used.
    """
    if settings.secret_file is None:
        return b""
    secret = read_secret(settings.secret_file, "secret_file")
    if not secret.startswith(_SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        return secret.encode()


def tls_for(settings: AgentSettings) -> ssl.SSLContext:
    """Return how TLS is done with the service, if it is; blocks.

    Raises:
        SettingsError: the file of authorities cannot be used.
    """
    return client_context(verify=True, ca_file=settings.ca_file)
