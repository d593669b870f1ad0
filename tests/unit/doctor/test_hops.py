"""Next hops and the way out."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.unit.doctor.ward import HOST, OURS, SETTINGS, found, only

from mailrail.doctor import Level
from mailrail.model import SystemClock
from mailrail.net import Connection, Endpoint, TlsSettings, keep_self_signed, server_context
from mailrail.server import Handler, Server

HOP = "10.0.0.5"


def serving(base: Path | None = None, host: str = HOP) -> Any:
    async def world(network: MemoryNetwork) -> None:
        files = keep_self_signed(base / "tls", "hop.example", SystemClock()) if base else None
        tls = server_context(TlsSettings(certificate=(files,))) if files else None
        await Server(
            Handler, hostname="hop.example", listen=f"{host}:25", network=network, tls=tls
        ).__aenter__()

    return world


def hop(**terms: object) -> dict[str, object]:
    return {**SETTINGS, "domain": {"example.org": {"relay_to": f"{HOP}:25", **terms}}}


def test_a_next_hop_that_answers_is_good_and_its_tls_is_told(tmp_path: Path) -> None:
    assert only(found("hops", tmp_path, serving()), Level.OK).what == "10.0.0.5:25 answers (without TLS)"
    assert "TLSv1.3" in only(found("hops", tmp_path, serving(tmp_path)), Level.OK).what


def test_a_next_hop_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert "does not answer" in only(found("hops", tmp_path), Level.ERROR).what


@pytest.mark.parametrize("level", ["encrypt", "verify"])
def test_a_next_hop_without_the_tls_that_it_must_give_is_an_error(tmp_path: Path, level: str) -> None:
    findings = found("hops", tmp_path, serving(), settings=hop(tls=level))
    assert "does not give the TLS" in only(findings, Level.ERROR).what


def test_a_certificate_that_does_not_verify_is_an_error_where_it_must(tmp_path: Path) -> None:
    only(found("hops", tmp_path, serving(tmp_path), settings=hop(tls="verify")), Level.ERROR)


def test_a_login_that_is_not_taken_is_an_error(tmp_path: Path) -> None:
    login = {"user": "ann", "password": "secret"}
    (tmp_path / "mailrail.toml").touch(mode=0o600)
    findings = found("hops", tmp_path, serving(tmp_path), settings=hop(tls="encrypt", login=login))
    assert "does not take the login" in only(findings, Level.ERROR).what


def test_wished_for_tls_that_fails_is_a_warning(tmp_path: Path) -> None:
    async def world(network: MemoryNetwork) -> None:
        network.listen(Endpoint(HOP, 25), lambda connection: (Half(connection), None)[1])

    assert "in the clear" in only(found("hops", tmp_path, world), Level.WARNING).what


class Half:
    """Offers STARTTLS and then talks nonsense."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.attach(self)
        connection.write(b"220 hop.example ESMTP\r\n")

    def received(self, data: bytes, /) -> None:
        said = {b"EHLO": b"250-hop.example\r\n250 STARTTLS\r\n", b"STAR": b"220 go\r\n"}
        self._connection.write(said.get(data[:4], b"nonsense, and no TLS record at all\r\n"))

    def writable(self) -> None: ...

    def ended(self, error: Exception | None, /) -> None: ...


def test_a_backup_that_is_the_only_mx_would_send_mail_back(tmp_path: Path) -> None:
    finding = only(
        found("hops", tmp_path, settings={"hostname": HOST, "domain": {"example.org": {}}}), Level.ERROR
    )
    assert "would come back" in finding.what
    assert "relay_to" in finding.mend


def test_a_next_hop_without_an_address_is_an_error(tmp_path: Path) -> None:
    settings = {"hostname": HOST, "route": [{"match": "*", "next_hop": "gone.example:25"}]}
    assert "would wait" in only(found("hops", tmp_path, settings=settings), Level.ERROR).what


def test_any_address_of_a_next_hop_that_answers_is_enough(tmp_path: Path) -> None:
    settings = {"hostname": HOST, "route": [{"match": "*.a.example", "next_hop": "hop.example:25"}]}
    records = {"hop.example": ["A 10.0.0.4", f"A {HOP}"]}
    only(found("hops", tmp_path, serving(), settings=settings, records=records), Level.OK)


def test_without_next_hops_there_is_nothing_to_ask(tmp_path: Path) -> None:
    only(found("hops", tmp_path, settings={"hostname": HOST}), Level.NOTE)


def test_an_open_way_out_is_good(tmp_path: Path) -> None:
    finding = only(found("outbound", tmp_path, serving(host="142.250.1.1")), Level.OK)
    assert "142.250.1.1:25" in finding.what


def test_a_blocked_way_out_is_an_error_with_the_usual_mends(tmp_path: Path) -> None:
    async def world(network: MemoryNetwork) -> None:
        network.black_hole(Endpoint("142.250.1.1", 25))

    finding = only(found("outbound", tmp_path, world), Level.ERROR)
    assert "smarthost" in finding.mend


def test_the_way_out_is_not_tried_behind_a_smarthost_or_without_a_goal(tmp_path: Path) -> None:
    smarthost = {**SETTINGS, "route": [{"match": "*", "next_hop": f"{OURS}:587"}]}
    assert "smarthost" in only(found("outbound", tmp_path, settings=smarthost), Level.NOTE).what
    assert "--probe" in only(found("outbound", tmp_path, records={"gmail.com": ["MX 0 ."]}), Level.NOTE).mend
