"""What sslscan finds at the ports for submission of a daemon that nobody told anything about TLS."""

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.support.daemon import running
from tests.support.peers import programs
from tests.support.peers.processes import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TIMEOUT_S = 60.0


def scan(*arguments: str) -> ElementTree.Element:
    program = programs.need("sslscan").program("usr/bin/sslscan")
    done = subprocess.run(
        [program, "--no-colour", "--xml=-", *arguments],
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    found = ElementTree.fromstring(done.stdout).find("ssltest")
    assert found is not None, done.stdout
    return found


def test_a76_both_ports_for_submission_get_good_marks(tmp_path: Path) -> None:
    """A76: TLS 1.2 and 1.3 only, forward secrecy and AEAD only, and nothing that was once a hole."""
    programs.need("sslscan")
    port = free_port()
    wrapped = {"address": f"127.0.0.1:{port}", "role": "submission", "implicit_tls": True}
    listener = [{"role": "submission"}, wrapped]
    with running(tmp_path, tls={"self_signed": True}, listener=listener) as daemon:
        for arguments in (("--starttls-smtp", daemon.address), (f"127.0.0.1:{port}",)):
            found = scan(*arguments)
            spoken = {
                f"{one.get('type')} {one.get('version')}"
                for one in found.iter("protocol")
                if one.get("enabled") == "1"
            }
            assert spoken == {"tls 1.2", "tls 1.3"}
            suites = [str(one.get("cipher")) for one in found.iter("cipher")]
            assert len(suites) >= 6
            assert all(name.startswith(("TLS_", "ECDHE-")) for name in suites), suites
            assert all("GCM" in name or "CHACHA20" in name for name in suites), suites
            assert all(one.get("strength") in ("strong", "acceptable") for one in found.iter("cipher"))
            assert [one.get("supported") for one in found.iter("renegotiation")] == ["0"]
            assert all(one.get("supported") == "0" for one in found.iter("compression"))
            assert all(one.get("vulnerable") == "0" for one in found.iter("heartbleed"))
            (key,) = found.iter("pk")
            assert (key.get("type"), key.get("error")) == ("EC", "false")
        daemon.stop()
        assert daemon.errors() == []
