"""A1-A4, A7, A8, A19: no octets in one message make a second one, from a raw socket to the next hop."""

from pathlib import Path

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.letters import ANN, BOB, letter, send, wire
from tests.support.peers.certificates import make_certificate
from tests.support.raw_client import RawClient
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SMUGGLED = b"MAIL FROM:<evil@evil.example>\r\nRCPT TO:<victim@receiver.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nboo\r\n.\r\n"
NOT_THE_END = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\n.\r", b"\r\n.\r", b"\r\r\n.\r\n\n.\n",
    b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\r\n", b"\n\n.\r\n", b"\r\n\x85.\r\n\n.\n", b"\r\n. \r\n\n.\n",
]  # fmt: skip


def begin(daemon: Daemon, *more: str) -> RawClient:
    client = RawClient(daemon.host, daemon.port)
    client.say_all("EHLO client.example", f"MAIL FROM:<{ANN}>", f"RCPT TO:<{BOB}>", *more)
    return client


def send_the_last(daemon: Daemon) -> bytes:
    """Send a good letter behind all probes; what arrives before it shows what became of them."""
    good = wire(letter("the last one"))
    send(daemon, good)
    return good


def test_a1_a2_nothing_but_the_one_true_end_ends_a_message(tmp_path: Path) -> None:
    """A1, A2: each false end, followed by a smuggled transaction; nothing of it may arrive."""
    with (
        Receiver() as receiver,
        running(tmp_path, route=[to(receiver.address)], limits={"error_delay_s": 0}) as daemon,
    ):
        for probe in NOT_THE_END:
            with begin(daemon, "DATA") as client:
                client.send(b"Subject: carrier\r\n\r\nhello" + probe + SMUGGLED)
                reply = client.reply()
                assert reply[:3] in ("550", "554", "521", "500"), f"{probe!r}: {reply}"
                assert "Queued as" not in reply
        good = send_the_last(daemon)
        (mail,) = receiver.wait_for(1)
        assert mail.below_trace == good
        daemon.stop()
        assert len(receiver.mail) == 1
        assert len(daemon.events("MessageAccepted")) == 1


def test_a1_repaired_line_ends_still_make_one_message_of_it(tmp_path: Path) -> None:
    """A1, A5: with repair_line_ends the false end becomes text, and leaves us with clean line ends only."""
    with (
        Receiver() as receiver,
        running(tmp_path, route=[to(receiver.address)], limits={"repair_line_ends": True}) as daemon,
    ):
        for probe in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n"):
            with begin(daemon, "DATA") as client:
                client.send(
                    b"Subject: carrier\r\n\r\nhello" + probe + b"MAIL FROM:<evil@evil.example>\r\n.\r\n"
                )
                assert "Queued as" in client.reply(), probe
                assert client.say("NOOP")[:3] == "250"
        for mail in receiver.wait_for(5):
            assert mail.sender.startswith(f"FROM:<{ANN}>")
            text = mail.content.replace(b"\r\n", b"")
            assert b"\r" not in text
            assert b"\n" not in text
            assert b"MAIL FROM:<evil@evil.example>" in mail.body
        daemon.stop()
        assert len(receiver.mail) == 5


def test_a4_bare_line_ends_in_chunks_are_refused(tmp_path: Path) -> None:
    """A4: BDAT text with LF only would be mangled by the next hop."""
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        with begin(daemon) as client:
            content = b"Subject: x\r\n\r\nhello\n.\n" + SMUGGLED
            client.send(b"BDAT %d LAST\r\n" % len(content) + content)
            assert client.reply()[:3] in ("550", "552", "554")
            assert client.say("RSET")[:3] == "250"
        with begin(daemon) as client:
            # What looks like the end inside a chunk is text, and is stuffed on the way out.
            content = b"Subject: stuffed\r\n\r\nhello\r\n.\r\n" + SMUGGLED
            client.send(b"BDAT %d LAST\r\n" % len(content) + content)
            assert "Queued as" in client.reply()
        (mail,) = receiver.wait_for(1)
        assert mail.below_trace == content
        daemon.stop()
        assert len(receiver.mail) == 1


def test_a19_nothing_is_smuggled_while_a_message_over_the_limit_is_thrown_away(tmp_path: Path) -> None:
    """A18, A19: SIZE over the limit, DATA over the limit with a false end in it, BDAT over the limit."""
    limits = {"message_bytes": 65_536}
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)], limits=limits) as daemon:
        with RawClient(daemon.host, daemon.port) as client:
            client.say_all("EHLO client.example")
            assert client.say(f"MAIL FROM:<{ANN}> SIZE=65537")[:9] == "552 5.3.4"
        with begin(daemon, "DATA") as client:
            line = b"x" * 70 + b"\r\n"
            client.send(
                b"Subject: big\r\n\r\n"
                + line * 1000
                + b"\n.\n"
                + SMUGGLED.replace(b"\r\n.\r\n", b"\r\n")
                + b".\r\n"
            )
            assert client.reply()[:3] in ("552", "554")
        with begin(daemon) as client:
            client.send(b"BDAT 70000\r\n" + b"y" * 70_000)
            assert client.reply()[:9] == "552 5.3.4"
            assert client.say(b"BDAT 3 LAST\r\nabc")[:3] == "503"
        good = send_the_last(daemon)
        (mail,) = receiver.wait_for(1)
        assert mail.below_trace == good


def test_a8_commands_pipelined_behind_starttls_are_never_obeyed(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    certificate.chain_file.chmod(0o600)
    files = {"chain": certificate.chain_file, "key": certificate.chain_file}
    with (
        running(tmp_path, tls={"certificate": [files]}) as daemon,
        RawClient(daemon.host, daemon.port) as client,
    ):
        assert "STARTTLS" in client.say("EHLO client.example")
        client.send(b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@evil.example>\r\n")
        assert client.reply()[:3] in ("501", "554")
        assert client.rest() == ""


def test_a7_a10_early_talkers_and_browsers_are_sent_away(tmp_path: Path) -> None:
    """A7, A10: HTTP and SSH as first line; a command line over the limit (A13)."""
    with running(tmp_path) as daemon:
        for line in (
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST / HTTP/1.1\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
        ):
            with RawClient(daemon.host, daemon.port) as client:
                client.send(line)
                assert client.rest()[:1] == "5", line
        with RawClient(daemon.host, daemon.port) as client:
            client.send(b"NOOP " + b"x" * 1_000_000 + b"\r\n")
            assert client.reply()[:9] == "500 5.5.2"
