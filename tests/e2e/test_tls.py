"""TLS as OpenSSL's own client sees it: versions, suites, renegotiation, resumption, client certificates."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.support.daemon import Daemon, running, to
from tests.support.letters import ANN, BOB, send
from tests.support.openssl import s_client
from tests.support.peers.certificates import make_certificate
from tests.support.peers.processes import free_port
from tests.support.raw_client import RawClient
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HOST = "mail.test.example"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("tls")
    certificate = make_certificate(folder, HOST)
    certificate.chain_file.chmod(0o600)
    files = {"chain": certificate.chain_file, "key": certificate.chain_file}
    with running(folder, tls={"certificate": [files]}) as daemon:
        yield daemon


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_a76_old_versions_are_refused(daemon: Daemon, version: str) -> None:
    # SECLEVEL=0: else OpenSSL itself would not offer them.
    done = s_client(daemon.address, "-starttls", "smtp", version, "-cipher", "ALL:@SECLEVEL=0")
    assert "protocol version" in done.lower()
    assert "Cipher is (NONE)" in done


@pytest.mark.parametrize(
    "suites", ["AES256-GCM-SHA384:AES128-SHA", "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA384", "ADH"]
)
def test_a76_weak_suites_are_refused(daemon: Daemon, suites: str) -> None:
    done = s_client(daemon.address, "-starttls", "smtp", "-tls1_2", "-cipher", f"{suites}:@SECLEVEL=0")
    assert "handshake failure" in done


def test_a76_renegotiation_is_refused_and_the_session_goes_on(daemon: Daemon) -> None:
    done = s_client(daemon.address, "-starttls", "smtp", "-tls1_2", lines=["ehlo a.example", "R", "quit"])
    assert "Secure Renegotiation IS supported" in done  # RFC 5746: so that nobody can begin one in our name
    assert "no renegotiation" in done


def test_a76_early_data_is_not_taken(daemon: Daemon) -> None:
    done = s_client(daemon.address, "-starttls", "smtp", "-tls1_3", lines=["noop", "quit"])
    assert "Max Early Data: 0" in done


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_is_resumed_by_its_ticket(daemon: Daemon, tmp_path: Path, version: str) -> None:
    kept = str(tmp_path / "session.pem")
    first = s_client(daemon.address, "-starttls", "smtp", version, "-sess_out", kept, lines=["quit"])
    assert "\nNew, TLSv1" in first
    second = s_client(daemon.address, "-starttls", "smtp", version, "-sess_in", kept, lines=["quit"])
    assert "\nReused, TLSv1" in second
    assert daemon.wait_for("SessionSecured", is_resumed=True)


def test_a12_alpn_is_smtp_or_nothing(daemon: Daemon) -> None:
    done = s_client(daemon.address, "-starttls", "smtp", "-alpn", "h2,http/1.1")
    assert "no application protocol" in done
    done = s_client(daemon.address, "-starttls", "smtp", "-alpn", "smtp", lines=["quit"])
    assert "ALPN protocol: smtp" in done


def test_a_client_certificate_opens_the_door_that_asks_for_one_and_stands_in_the_trace(
    tmp_path: Path,
) -> None:
    certificate = make_certificate(tmp_path, HOST)
    certificate.chain_file.chmod(0o600)
    files = {"chain": certificate.chain_file, "key": certificate.chain_file}
    authority, shown = trustme.CA(), tmp_path / "client.pem"
    authority.cert_pem.write_to_path(str(tmp_path / "clients.pem"))
    issued = authority.issue_cert("app.test.example", common_name="app")
    issued.private_key_and_cert_chain_pem.write_to_path(str(shown))
    asking = {"client_certificate": "require", "client_ca": tmp_path / "clients.pem"}
    port = free_port()
    wrapped = {"address": f"127.0.0.1:{port}", "role": "mx", "implicit_tls": True, **asking}
    with (
        Receiver() as receiver,
        running(
            tmp_path,
            route=[to(receiver.address)],
            tls={"certificate": [files]},
            listener=[{"role": "mx", **asking}, wrapped],
        ) as daemon,
    ):
        with RawClient(daemon.host, daemon.port) as clear:
            clear.say_all("EHLO clear.example")
            assert clear.say(f"MAIL FROM:<{ANN}>").startswith("530 5.7.0")
        assert "certificate required" in s_client(f"127.0.0.1:{port}", lines=["quit"])
        lines = [
            "ehlo a.example",
            f"mail from:<{ANN}>",
            f"rcpt to:<{BOB}>",
            "data",
            "subject: x\n.",
            "quit",
        ]
        done = s_client(f"127.0.0.1:{port}", "-cert", str(shown), "-key", str(shown), lines=lines)
        assert "Queued as" in done
        (mail,) = receiver.wait_for(1)
        assert b"client certificate of CN=app,OU=" in mail.header.replace(b"?", b"")
        (accepted,) = daemon.wait_for("MessageAccepted")
        assert "client certificate of CN=app" in accepted["tls"]
        (secured,) = daemon.wait_for("SessionSecured")
        assert secured["client_certificate"].startswith("CN=app")


def test_one_mailrail_shows_its_certificate_to_another_and_verifies_it_by_its_own_authorities(
    tmp_path: Path,
) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    near.mkdir()
    far.mkdir()
    server = make_certificate(far, "localhost")
    client = make_certificate(near, "near.test.example")
    for certificate in (server, client):
        certificate.chain_file.chmod(0o600)
    own = {"chain": server.chain_file, "key": server.chain_file}
    asking = {"client_certificate": "require", "client_ca": client.ca_file}
    shown = {"chain": client.chain_file, "key": client.chain_file}
    with (
        Receiver() as receiver,
        running(far, route=[to(receiver.address)], tls={"certificate": [own]}, listener=[asking]) as second,
        running(
            near, route=[to(f"localhost:{second.port}", ca_file=server.ca_file, certificate=shown)]
        ) as first,
    ):
        send(first)
        send(first)
        receiver.wait_for(2)
        (opened, *_) = first.wait_for("SessionOpenedOut")
        assert opened["verified"]
        secured = second.wait_for("SessionSecured")
        assert secured[0]["server_name"] == "localhost"
        assert "O=trustme" in secured[0]["client_certificate"]
