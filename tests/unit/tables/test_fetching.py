"""Documents by HTTP: bounded, verified, and never from where a redirect points."""

import asyncio
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest
from tests.support.issuer import issuer
from tests.support.peers.certificates import make_certificate

from mailrail.net import client_context
from mailrail.tables import Fetched, HttpFetcher, Pool, Request, TableError, connection_to, is_safe_url


def fetched(request: Request, *, ca_file: Path | None = None, timeout_s: float = 10) -> Fetched:
    async def ask() -> Fetched:
        tls = client_context(verify=True, ca_file=ca_file)
        fetcher = HttpFetcher(Pool(1, 10), tls, timeout_s)
        try:
            return await fetcher.fetch(request)
        finally:
            await fetcher.close()

    return asyncio.run(ask())


def test_every_answer_comes_back_and_redirects_are_not_followed() -> None:
    with issuer() as site:
        site.override = (302, {"Location": "http://127.0.0.1:1/keys"}, b"elsewhere")
        answer = fetched(Request(f"{site.url}/keys"))
        assert (answer.status, answer.body, site.asked) == (302, b"elsewhere", ["/keys"])


def test_an_answer_is_bounded_a74() -> None:
    with issuer() as site:
        site.override = (200, {}, b"x" * 300_000)
        with pytest.raises(TableError, match="more than"):
            fetched(Request(f"{site.url}/keys"))


def test_nobody_there_is_not_now() -> None:
    with pytest.raises(TableError, match="refused"):
        fetched(Request("http://127.0.0.1:1/keys"))


def test_who_cannot_prove_its_name_is_not_asked(tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    ours.mkdir()
    others.mkdir()
    certificate = make_certificate(ours, "127.0.0.1")
    with issuer() as site:
        context = certificate.server_context()
        site.socket = context.wrap_socket(site.socket, server_side=True, do_handshake_on_connect=False)
        request = Request(f"{site.url}/keys".replace("http:", "https:"))
        assert b'"keys"' in fetched(request, ca_file=certificate.ca_file).body
        with pytest.raises(TableError, match="CERTIFICATE_VERIFY_FAILED"):
            fetched(request, ca_file=make_certificate(others, "127.0.0.1").ca_file)
        assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://directory.example.org/aliases?x=y", True),
        ("http://127.0.0.1:8080/", True),
        ("http://[::1]/", True),
        ("http://directory.example.org/", False),
        ("HTTP://directory.example.org/", False),
        ("https://ann@directory.example.org/", False),
        ("https://", False),
        ("https://directory.example.org:0/", False),
        ("https://directory.example.org/a b", False),
        ("https://directory.example.org/\n", False),
        ("file:///etc/passwd", False),
    ],
)
def test_a_url_is_safe_where_nobody_on_the_way_can_answer(url: str, is_safe: bool) -> None:
    assert is_safe_url(url) is is_safe


@pytest.mark.parametrize(
    ("url", "kind", "path"),
    [
        ("https://directory.example.org", HTTPSConnection, "/"),
        ("HTTPS://directory.example.org/a?x=y", HTTPSConnection, "/a?x=y"),
        ("http://127.0.0.1:8080/a", HTTPConnection, "/a"),
    ],
)
def test_https_is_never_spoken_in_clear_however_it_is_written(
    url: str, kind: type[HTTPConnection], path: str
) -> None:
    connection, asked = connection_to(url, client_context(verify=True), 1)
    assert (type(connection), asked) == (kind, path)
