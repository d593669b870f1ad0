"""Certificates, and TLS at the listeners."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.unit.doctor.ward import HOST, NOW_US, SETTINGS, At, found, only, status

from mailrail.admin import WorkerRow
from mailrail.doctor import Level
from mailrail.doctor.certificates import covers
from mailrail.net import CertificateFiles, TlsSettings, keep_self_signed, server_context
from mailrail.server import Handler, Server

DAY_US = 86_400_000_000


def _files(base: Path, hostname: str = HOST) -> CertificateFiles:
    return keep_self_signed(base / "tls", hostname, At())


def _named(base: Path, hostname: str = HOST) -> dict[str, Any]:
    files = _files(base, hostname)
    return {**SETTINGS, "tls": {"certificate": [{"chain": files.chain, "key": files.key}]}}


def test_a_self_signed_certificate_of_our_own_is_a_note(tmp_path: Path) -> None:
    assert "self-signed" in only(found("certificate", tmp_path), Level.NOTE).what


def test_no_tls_at_all_is_a_warning(tmp_path: Path) -> None:
    only(found("certificate", tmp_path, settings={**SETTINGS, "tls": {"self_signed": False}}), Level.WARNING)


@pytest.mark.parametrize(
    ("now_us", "level", "words"),
    [
        (NOW_US + 826 * DAY_US, Level.ERROR, "ended on"),
        (NOW_US - DAY_US, Level.ERROR, "begins only on"),
        (NOW_US + 820 * DAY_US, Level.WARNING, "ends on"),
    ],
)
def test_a_certificate_out_of_its_time_is_told(tmp_path: Path, now_us: int, level: Level, words: str) -> None:
    findings = found("certificate", tmp_path, settings=_named(tmp_path), now_us=now_us)
    assert words in only(findings[:1], level).what
    assert "is self-signed" in only(findings[1:], Level.NOTE).what


def test_a_certificate_for_another_name_is_a_warning(tmp_path: Path) -> None:
    findings = found("certificate", tmp_path, settings=_named(tmp_path, "other.example"), now_us=NOW_US)
    assert "only for other.example" in only(findings[1:], Level.WARNING).what


def test_a_wildcard_is_for_one_label(tmp_path: Path) -> None:
    assert covers(["*.example.org"], "mx1.example.org")
    assert covers(["mx1.example.org"], "mx1.example.org")
    assert not covers(["*.example.org"], "a.b.example.org")
    assert not covers([], "mx1.example.org")


def test_a_certificate_that_acme_has_not_fetched_is_told(tmp_path: Path) -> None:
    settings = {**SETTINGS, "acme": {"domains": [HOST], "agree_to_terms": True}}
    only(found("certificate", tmp_path, settings=settings), Level.WARNING)
    directory = tmp_path / "spool" / "tls"
    directory.mkdir(parents=True)
    _files(tmp_path).chain.rename(directory / "acme.pem")
    only(found("certificate", tmp_path, settings=settings, now_us=NOW_US), Level.NOTE)


def _serving(base: Path, *, has_tls: bool) -> Any:
    async def world(network: MemoryNetwork) -> None:
        tls = server_context(TlsSettings(certificate=(_files(base),))) if has_tls else None
        server = Server(Handler, hostname=HOST, listen="127.0.0.1:25", network=network, tls=tls)
        await server.__aenter__()

    return world


def test_tls_that_comes_up_is_good(tmp_path: Path) -> None:
    world = _serving(tmp_path, has_tls=True)
    assert "TLSv1.3" in only(found("tls", tmp_path, world, status=status()), Level.OK).what


def test_tls_that_is_not_offered_is_an_error(tmp_path: Path) -> None:
    world = _serving(tmp_path, has_tls=False)
    assert "STARTTLS fails" in only(found("tls", tmp_path, world, status=status()), Level.ERROR).what


def test_workers_that_show_other_certificates_are_told(tmp_path: Path) -> None:
    (row,) = status().certificates
    workers = [
        WorkerRow(
            worker=end,
            pid=end,
            started_us=0,
            sessions=0,
            items=0,
            certificates=(row.model_copy(update={"ends_us": end}),),
        )
        for end in (1, 2)
    ]
    world = _serving(tmp_path, has_tls=True)
    unlike, good = found("tls", tmp_path, world, status=status(workers=tuple(workers)))
    assert (unlike.level, unlike.mend.startswith("mailrail reload")) == (Level.WARNING, True)
    assert good.level is Level.OK
    workers[1] = workers[1].model_copy(update={"is_leftover": True})
    only(
        found("tls", tmp_path, _serving(tmp_path, has_tls=True), status=status(workers=tuple(workers))),
        Level.OK,
    )


def test_tls_is_asked_of_a_running_server_only(tmp_path: Path) -> None:
    only(found("tls", tmp_path), Level.NOTE)
    only(found("tls", tmp_path, status=status(certificates=())), Level.NOTE)


@pytest.mark.parametrize(
    "listener",
    [
        {"role": "lmtp"},
        {"proxy_protocol": True, "proxy_from": ["10.0.0.1"]},
        {"client_certificate": "require", "client_ca": "CA"},
    ],
)
def test_listeners_that_cannot_be_asked_are_noted(tmp_path: Path, listener: dict[str, Any]) -> None:
    ca = _files(tmp_path).chain
    one = {"address": "0.0.0.0:25", **{key: ca if text == "CA" else text for key, text in listener.items()}}
    only(found("tls", tmp_path, settings={**SETTINGS, "listener": [one]}, status=status()), Level.NOTE)
