"""What a new reading of the settings changes, what of it waits, and that values are never told."""

from pathlib import Path
from typing import Any

import pytest

from mailrail.config import MailrailSettings
from mailrail.daemon.reload import LIVE, compare
from mailrail.net import CertificateFiles, TlsSettings

BASE: dict[str, Any] = {"hostname": "mx.example.org", "domain": {"example.org": {"relay_to": "10.0.0.5:25"}}}


def settings(**changes: Any) -> MailrailSettings:
    return MailrailSettings.model_validate({**BASE, **changes})


def test_the_same_settings_change_nothing() -> None:
    change = compare(settings(), settings())
    assert (change.applied, change.waiting) == ((), ())
    assert change.settings == settings()


def test_what_decides_is_exchanged_and_what_something_was_opened_by_waits() -> None:
    files = CertificateFiles(chain=Path("/a"), key=Path("/b"))
    written = settings(
        hostname="mx2.example.org",
        tls=TlsSettings(certificate=(files,), minimum_version="1.3"),
        queue={"poll_s": 7},
        domain={"example.org": {"relay_to": "10.0.0.6:25"}, "example.net": {}},
        spool={"most_items": 7},
        net={"backlog": 7},
        workers=7,
    )
    change = compare(settings(), written)
    assert change.applied == (
        'domain."example.net"',
        'domain."example.org".relay_to',
        "queue.poll_s",
        "tls.certificate",
        "tls.minimum_version",
    )
    assert change.waiting == ("hostname", "net.backlog", "spool.most_items", "workers")
    for name in ("tls", "queue", "domain"):
        assert getattr(change.settings, name) == getattr(written, name)
    for name in ("hostname", "net", "spool", "workers"):
        assert getattr(change.settings, name) == getattr(settings(), name)


def test_what_waits_is_told_again_at_the_next_reload_and_what_is_in_force_is_not() -> None:
    written = settings(tls=TlsSettings(self_signed=False), spool={"most_items": 7})
    again = compare(compare(settings(), written).settings, written)
    assert again.applied == ()
    assert again.waiting == ("spool.most_items",)


def test_places_in_lists_are_named_as_in_the_file_and_secrets_are_not() -> None:
    def smarthost(password: str) -> MailrailSettings:
        hop = {
            "match": "*",
            "next_hop": "smtp.example.net:587",
            "login": {"user": "ann", "password": password},
        }
        return settings(route=[hop])

    change = compare(smarthost("old secret"), smarthost("new secret"))
    assert change.applied == ("route[1].login.password",)


@pytest.mark.parametrize(
    ("listener", "is_live"),
    [
        ([{"address": "127.0.0.1:25", "hide_client": True, "role": "submission"}], True),
        ([{"address": "127.0.0.1:25", "requiretls": True, "xclient_from": ["10.0.0.1"]}], True),
        ([{"address": "127.0.0.1:26"}], False),
        ([{"address": "127.0.0.1:25", "implicit_tls": True}], False),
        ([{"address": "127.0.0.1:25", "client_certificate": "ask", "client_ca": "/ca"}], False),
        ([{"address": "127.0.0.1:25"}, {"address": "127.0.0.1:587"}], False),
        ([{"address": "127.0.0.1:26", "requiretls": True}], False),
    ],
)
def test_a_listener_that_stays_where_it_is_may_change_otherwise(listener: list[Any], is_live: bool) -> None:
    before, written = settings(listener=[{"address": "127.0.0.1:25"}]), settings(listener=listener)
    change = compare(before, written)
    assert change.settings.listener == (written if is_live else before).listener
    assert bool(change.applied) is is_live
    assert bool(change.waiting) is not is_live


def test_the_log_may_be_louder_but_not_look_otherwise() -> None:
    assert compare(settings(), settings(log={"level": "debug"})).applied == ("log.level",)
    change = compare(settings(), settings(log={"level": "debug", "format": "json"}))
    assert (change.applied, change.waiting) == ((), ("log.format", "log.level"))


def test_every_table_is_either_exchanged_or_known_to_wait() -> None:
    """Whoever adds a table decides: a new one is not to wait for a restart because nobody thought of it."""
    waits = {"hostname", "workers", "spool", "acme", "net", "dns", "admin", "maildrop"}
    assert set(MailrailSettings.model_fields) == LIVE | waits | {"listener", "log"}
