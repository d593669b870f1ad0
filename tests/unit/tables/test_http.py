"""A service that answers by HTTP and JSON."""

import asyncio
import json

import pytest
from pydantic import TypeAdapter, ValidationError

from mailrail.tables import Fetched, Request, TableError, TableSettings
from mailrail.tables.http import HttpTable


class FakeFetcher:
    """Answers everything alike, and remembers what it was asked."""

    def __init__(self, status: int, body: bytes) -> None:
        self.answer = Fetched(status, "said so", body)
        self.asked: list[Request] = []

    async def fetch(self, request: Request) -> Fetched:
        self.asked.append(request)
        return self.answer

    async def close(self) -> None: ...


def looked_up(status: int, body: bytes, key: str = "info", url: str = "https://d.example/{key}") -> object:
    fetcher = FakeFetcher(status, body)
    found = asyncio.run(HttpTable(Request(url, authorization="Bearer t"), fetcher).look_up(key))
    assert all(asked.authorization == "Bearer t" for asked in fetcher.asked)
    return found


@pytest.mark.parametrize(
    ("status", "body", "values"),
    [
        (200, b'"ann, bob@example.org"', ("ann", "bob@example.org")),
        (200, b'["ann", "b, c"]', ("ann", "b, c")),
        (200, b'{"values": ["ann"], "more": 1}', ("ann",)),
        (200, b"[]", ()),
        (200, b"null", None),
        (200, b'{"values": null}', None),
        (200, b"{}", None),
        (204, b"", None),
        (404, b"<html>", None),
        (410, b"", None),
    ],
)
def test_an_answer_is_read(status: int, body: bytes, values: object) -> None:
    assert looked_up(status, body) == values


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (500, b"", "answered 500 said so"),
        (302, b"", "answered 302"),
        (403, b"", "answered 403"),
        (200, b"ann", "not JSON"),
        (200, b"[" * 100_000, "not JSON"),
        (200, b"5", "answered int"),
        (200, b"[5]", "answered list"),
        (200, b'"\\"ann"', "cannot be read"),
        (200, b"\xff", "not JSON"),
    ],
)
def test_what_is_no_answer_is_not_known_now_a74(status: int, body: bytes, word: str) -> None:
    with pytest.raises(TableError, match=word):
        looked_up(status, body)


def test_a_key_is_escaped_in_the_url_or_posted_as_json_a25() -> None:
    """A25: a key is data only, whatever signs are in it."""
    key = 'a/../b?x=y&z#f%"@bücher.example'
    fetcher = FakeFetcher(200, b"null")
    for url in ("https://d.example/x/{key}?k={key}", "https://d.example/x"):
        asyncio.run(HttpTable(Request(url), fetcher).look_up(key))
    got, posted = fetcher.asked
    escaped = "a%2F..%2Fb%3Fx%3Dy%26z%23f%25%22%40b%C3%BCcher.example"
    assert (got.url, got.posted) == (f"https://d.example/x/{escaped}?k={escaped}", "")
    assert (posted.url, json.loads(posted.posted)) == ("https://d.example/x", {"key": key})


@pytest.mark.parametrize(
    "url", ["http://d.example/{key}", "https://{key}.d.example/", "https://ann:x@d.example/"]
)
def test_a_url_that_others_could_answer_or_choose_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[TableSettings](TableSettings).validate_python({"kind": "http", "url": url})
