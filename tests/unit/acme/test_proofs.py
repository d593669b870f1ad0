"""What is shown to an authority, and to nobody else, for no longer than it is wanted."""

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import LOOPBACK, Recorder

from mailrail.acme import AcmeError, AcmeSettings, Challenge, DnsHook, HttpProof, TlsAlpnProof, proof_for
from mailrail.acme.events import ProofNotHidden
from mailrail.model import NetError
from mailrail.net import Endpoint, secure
from mailrail.observe import Bus, Event
from mailrail.sim import SimClock, simulate

# RFC 8555 §8.1: a token, and the thumbprint of RFC 7638 §3.1.
TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
CHALLENGE = Challenge("mx.example.org", TOKEN, f"{TOKEN}.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
PATH = f"/.well-known/acme-challenge/{TOKEN}"


def test_a_name_is_asked_for_in_the_dns_below_its_own_also_for_a_wildcard() -> None:
    assert CHALLENGE.dns_name == "_acme-challenge.mx.example.org"
    assert Challenge("*.example.org", "t", "t.k").dns_name == "_acme-challenge.example.org"
    assert len(CHALLENGE.dns_value) == 43  # base64url of 32 octets
    assert "=" not in CHALLENGE.dns_value


@pytest.mark.parametrize(
    ("challenge", "kind"), [("http-01", HttpProof), ("tls-alpn-01", TlsAlpnProof), ("dns-01", DnsHook)]
)
def test_the_settings_choose_the_proof(tmp_path: Path, challenge: str, kind: type) -> None:
    settings = AcmeSettings.model_validate({"challenge": challenge})
    assert type(proof_for(settings, MemoryNetwork(), tmp_path, SimClock(), Bus())) is kind


# -- http-01 -----------------------------------------------------------------------------------------


class Web:
    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.proof = HttpProof(self.network, LOOPBACK)

    async def ask(self, request: bytes) -> str:
        assert self.proof.endpoint is not None
        connection = await self.network.connect(self.proof.endpoint, timeout_s=5)
        heard = Recorder()
        connection.attach(heard)
        connection.write(request)
        async with asyncio.timeout(60):
            while not heard.ends:
                await asyncio.sleep(0.1)
        connection.close()
        return heard.got.decode()


def with_web(scenario: Callable[[Web], Awaitable[None]]) -> None:
    async def main() -> None:
        web = Web()
        await web.proof.show([CHALLENGE])
        await scenario(web)
        await web.proof.hide()

    simulate(main())


def test_the_page_of_the_token_holds_the_answer() -> None:
    async def scenario(web: Web) -> None:
        answer = await web.ask(f"GET {PATH} HTTP/1.1\r\nHost: mx.example.org\r\n\r\n".encode())
        head, _, body = answer.partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 200 ")
        assert body == CHALLENGE.key_authorization

    with_web(scenario)


@pytest.mark.parametrize(
    "line",
    ["GET / HTTP/1.1", f"POST {PATH} HTTP/1.1", f"GET {PATH}x HTTP/1.1", f"GET /x{PATH} HTTP/1.1", "", " "],
)
def test_nothing_else_is_answered(line: str) -> None:
    async def scenario(web: Web) -> None:
        assert (await web.ask(f"{line}\r\nHost: a\r\n\r\n".encode())).startswith("HTTP/1.1 404 ")

    with_web(scenario)


def test_who_says_too_much_or_nothing_is_left(tmp_path: Path) -> None:
    async def scenario(web: Web) -> None:
        assert await web.ask(b"x" * 5000) == ""
        assert await web.ask(b"GET ") == ""

    with_web(scenario)


def test_it_listens_only_while_the_proof_is_wanted() -> None:
    async def main() -> None:
        web = Web()
        await web.proof.show([CHALLENGE])
        endpoint = web.proof.endpoint
        assert endpoint is not None
        open_still = await web.network.connect(endpoint, timeout_s=5)
        heard = Recorder()
        open_still.attach(heard)
        await asyncio.sleep(0.1)
        await web.proof.hide()
        await asyncio.sleep(0.1)
        assert heard.ends
        with pytest.raises(NetError):
            await web.network.connect(endpoint, timeout_s=5)
        await web.proof.hide()  # twice does no harm

    simulate(main())


def test_a_port_that_is_taken_is_told() -> None:
    async def main() -> None:
        network = MemoryNetwork()
        taken = network.listen(Endpoint("127.0.0.1", 80), lambda connection: connection.abort())
        with pytest.raises(AcmeError, match="cannot listen at"):
            await HttpProof(network, taken.endpoint).show([CHALLENGE])

    simulate(main())


# -- tls-alpn-01 -------------------------------------------------------------------------------------


def test_the_handshake_shows_the_answer_to_acme_tls_and_nothing_to_others(tmp_path: Path) -> None:
    async def main() -> None:
        network = MemoryNetwork()
        proof = TlsAlpnProof(network, LOOPBACK, tmp_path / "tls", SimClock())
        await proof.show([CHALLENGE])
        assert proof.endpoint is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["acme-tls/1"])
        plain = await network.connect(proof.endpoint, timeout_s=5)
        tls, info = await secure(plain, context, CHALLENGE.domain, timeout_s=5)
        assert info.alpn == "acme-tls/1"
        assert info.peer_certificate is not None
        certificate = x509.load_der_x509_certificate(info.peer_certificate)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [CHALLENGE.domain]
        oid = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
        extension = certificate.extensions.get_extension_for_oid(oid)
        assert extension.critical
        assert isinstance(extension.value, x509.UnrecognizedExtension)
        assert extension.value.value == b"\x04\x20" + CHALLENGE.digest
        tls.abort()
        other = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        other.check_hostname, other.verify_mode = False, ssl.CERT_NONE
        other.set_alpn_protocols(["h2"])
        with pytest.raises(NetError, match="no application protocol"):
            await secure(
                await network.connect(proof.endpoint, timeout_s=5), other, CHALLENGE.domain, timeout_s=5
            )
        assert list((tmp_path / "tls").iterdir()) == []  # no key is left behind
        await proof.hide()
        assert proof.endpoint is None

    (tmp_path / "tls").mkdir()
    simulate(main())


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        proof = TlsAlpnProof(MemoryNetwork(), LOOPBACK, tmp_path / "no" / "such", SimClock())
        with pytest.raises(AcmeError, match="no certificate for a proof"):
            await proof.show([CHALLENGE])

    simulate(main())


# -- dns-01 ------------------------------------------------------------------------------------------


def hook(folder: Path, code: str) -> tuple[str, ...]:
    file = folder / "hook.py"
    file.write_text(code)
    return sys.executable, str(file), str(folder / "said")


WRITES = "import sys; print(*sys.argv[2:], file=open(sys.argv[1], 'a'))"


def test_the_hook_gets_its_words_one_by_one_and_each_record_is_taken_away_again(tmp_path: Path) -> None:
    async def main() -> None:
        proof = DnsHook(hook(tmp_path, WRITES), 30, 20, Bus())
        begin = asyncio.get_running_loop().time()
        await proof.show([CHALLENGE])
        assert asyncio.get_running_loop().time() - begin >= 20
        await proof.hide()
        words = f"{CHALLENGE.dns_name} {CHALLENGE.dns_value}"
        assert (tmp_path / "said").read_text().splitlines() == [f"add {words}", f"remove {words}"]

    simulate(main())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('no such zone')", "ended with 1: no such zone"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
    ],
)
def test_a_hook_that_fails_is_told_with_its_words_and_still_asked_to_tidy_up(
    tmp_path: Path, code: str, words: str
) -> None:
    async def main() -> None:
        events: list[Event] = []
        bus = Bus()
        bus.listen(events.append)
        proof = DnsHook(hook(tmp_path, code), 30, 0, bus)
        with pytest.raises(AcmeError, match=words):
            await proof.show([CHALLENGE])
        await proof.hide()
        assert [type(event) for event in events] == [ProofNotHidden]

    simulate(main())


def test_a_hook_that_is_not_there_or_hangs_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(AcmeError, match="No such file"):
            await DnsHook((str(tmp_path / "none"),), 30, 0, Bus()).show([CHALLENGE])
        with pytest.raises(AcmeError, match="timed out"):
            await DnsHook(hook(tmp_path, "import time; time.sleep(60)"), 0.3, 0, Bus()).show([CHALLENGE])

    simulate(main())
