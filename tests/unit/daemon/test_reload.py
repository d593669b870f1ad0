"""What a new reading of the settings changes, what of it waits, and that values are never told."""

from pathlib import Path
from typing import Any

from mailrail.config import MailrailSettings
from mailrail.daemon.reload import compare
from mailrail.net import CertificateFiles, TlsSettings

BASE: dict[str, Any] = {"hostname": "mx.example.org", "domain": {"example.org": {"relay_to": "10.0.0.5:25"}}}


def settings(**changes: Any) -> MailrailSettings:
    return MailrailSettings.model_validate({**BASE, **changes})


def test_the_same_settings_change_nothing() -> None:
    change = compare(settings(), settings())
    assert (change.applied, change.waiting) == ((), ())
    assert change.settings == settings()


def test_tls_is_exchanged_and_the_rest_waits() -> None:
    files = CertificateFiles(chain=Path("/a"), key=Path("/b"))
    written = settings(
        tls=TlsSettings(certificate=(files,), minimum_version="1.3"),
        queue={"poll_s": 7},
        domain={"example.org": {"relay_to": "10.0.0.6:25"}, "example.net": {}},
    )
    change = compare(settings(), written)
    assert change.applied == ("tls.certificate", "tls.minimum_version")
    assert change.waiting == (
        'domain."example.net"',
        'domain."example.org".relay_to',
        "queue.poll_s",
    )
    assert change.settings.tls == written.tls
    assert change.settings.queue == settings().queue
    assert change.settings.domain == settings().domain


def test_what_waits_is_told_again_at_the_next_reload_and_what_is_in_force_is_not() -> None:
    written = settings(tls=TlsSettings(self_signed=False), queue={"poll_s": 7})
    again = compare(compare(settings(), written).settings, written)
    assert again.applied == ()
    assert again.waiting == ("queue.poll_s",)


def test_places_in_lists_are_named_as_in_the_file_and_secrets_are_not() -> None:
    def smarthost(password: str) -> MailrailSettings:
        hop = {
            "match": "*",
            "next_hop": "smtp.example.net:587",
            "login": {"user": "ann", "password": password},
        }
        return settings(route=[hop])

    change = compare(smarthost("old secret"), smarthost("new secret"))
    assert change.waiting == ("route[1].login.password",)
    more = settings(listener=[{"address": "127.0.0.1:25"}, {"address": "127.0.0.1:587"}])
    assert compare(settings(), more).waiting == ("listener",)
