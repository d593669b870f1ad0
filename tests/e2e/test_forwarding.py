"""Forwarded mail and its bounces: through a real Postfix and back, beside a real postsrsd; and what is not forwarded stays as it is."""

import contextlib
import re
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.letters import letter, send, wire
from tests.support.peers.postfix import postfix
from tests.support.peers.postsrsd import postsrsd
from tests.support.peers.processes import free_port
from tests.support.raw_client import RawClient
from tests.support.receiver import Mail, Receiver, Step

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SUE, BOB, AWAY, ANN = "sue@far.example", "bob@ours.example", "bob@away.example", "ann@ours.example"
DOMAIN = {"ours.example": {"alias": {"bob": AWAY, "ann": "ann@plain.example"}}, "plain.example": {}}
SRS = re.compile(r"SRS0=[^=]{6}=[A-Z2-7]{2}=far\.example=sue@ours\.example")
SECRET = "of postsrsd; anything will do that is long enough"
TRUSTED = ("127.0.0.2", 0)  # everybody else on this machine is a stranger
DATA_ERROR = 65


def gone(step: Step) -> str | None:
    """Be a next hop where nobody is any more."""
    return "550 5.1.1 gone" if step.verb == "RCPT" and "away.example" in step.argument else None


@contextlib.contextmanager
def forwarder(tmp_path: Path, next_hop: str, home: str, **settings: Any) -> Iterator[Daemon]:
    """Run a mailrail for ours.example that trusts nobody but 127.0.0.2; mail for far.example goes *home*."""
    routes = [to(home, "far.example"), to(home, "plain.example"), to(next_hop)]
    given = {"domain": DOMAIN, "relay": {"networks": ["127.0.0.2/32"]}, "route": routes, **settings}
    with running(tmp_path, **given) as daemon:
        yield daemon


def submit(daemon: Daemon, sender: str, *recipients: str) -> None:
    with smtplib.SMTP(daemon.host, daemon.port, timeout=20, source_address=TRUSTED) as client:
        client.sendmail(sender, recipients, wire(letter()))


def path(argument: str) -> str:
    """Return the path in an argument of MAIL or RCPT."""
    return argument.partition("<")[2].partition(">")[0]


def senders(mails: list[Mail]) -> dict[str, str]:
    """Return by recipient with which reverse-path its mail came."""
    return {path(one): path(mail.sender) for mail in mails for one in mail.recipients}


def test_a_bounce_by_postfix_comes_back_to_who_sent_what_we_forwarded(tmp_path: Path) -> None:
    port = free_port()
    listener = [{}, {"address": f"127.0.0.1:{port}", "role": "mx"}]
    back = {"transport_maps": f"inline:{{ ours.example=smtp:[127.0.0.1]:{port} }}"}
    with (
        Receiver(script=gone) as nowhere,
        Receiver() as home,
        postfix(relay_to=(nowhere.host, nowhere.port), parameters=back) as hop,
        forwarder(tmp_path, f"127.0.0.1:{hop.port}", home.address, listener=listener) as daemon,
    ):
        send(daemon, sender=SUE, to=BOB, mail=("RET=HDRS", "ENVID=E1"), rcpt=("NOTIFY=FAILURE,DELAY",))
        (bounce,) = home.wait_for(1)
        assert senders([bounce]) == {SUE: ""}
        (told,) = daemon.wait_for("ReversePathRewritten")
        assert (told["sender"], bool(SRS.fullmatch(told["leaves_as"]))) == (SUE, True)
        hop.wait_for_log(f"from=<{told['leaves_as']}>")
        assert "Original-Envelope-Id: E1" in bounce.content.decode(), "the sender's wishes went on"
        assert f"Final-Recipient: rfc822; {AWAY}" in bounce.content.decode()
        assert f"To: {told['leaves_as']}" in bounce.content.decode()
        (returned,) = daemon.wait_for("MailReturned")
        assert (returned["address"], returned["goes_to"]) == (told["leaves_as"], SUE)
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert daemon.errors() == []


def test_our_own_notice_goes_to_the_sender(
    tmp_path: Path,
) -> None:
    with (
        Receiver(script=gone) as nowhere,
        Receiver() as home,
        forwarder(tmp_path, nowhere.address, home.address) as daemon,
    ):
        send(daemon, sender=SUE, to=BOB)
        (notice,) = home.wait_for(1)
        assert senders([notice]) == {SUE: ""}
        assert daemon.events("MailReturned") == []


def test_nobody_is_rewritten_whose_mail_is_not_forwarded(tmp_path: Path) -> None:
    with (
        Receiver() as away,
        Receiver() as home,
        forwarder(tmp_path, away.address, home.address) as daemon,
    ):
        submit(daemon, SUE, "x@elsewhere.example", "y@plain.example", BOB)
        submit(daemon, "", BOB)
        submit(daemon, ANN, BOB)
        assert senders(home.wait_for(1)) == {"y@plain.example": SUE}
        found = [(path(one), path(mail.sender)) for mail in away.wait_for(4) for one in mail.recipients]
        rewritten = [sender for to, sender in found if SRS.fullmatch(sender) and to == AWAY]
        assert len(rewritten) == 1
        assert sorted(found) == sorted(
            [("x@elsewhere.example", SUE), (AWAY, ""), (AWAY, ANN), (AWAY, rewritten[0])]
        )


def test_forged_addresses_are_refused_and_a_new_key_lets_the_old_ones_live(tmp_path: Path) -> None:
    with (
        Receiver() as away,
        Receiver() as home,
        forwarder(tmp_path, away.address, home.address, workers=2) as daemon,
    ):
        daemon.wait_for("DaemonStarted", 2)
        send(daemon, sender=SUE, to=BOB)
        (mail,) = away.wait_for(1)
        address = path(mail.sender)
        assert daemon.command("srs", "reverse", address).stdout == f"{SUE}\n"
        done = daemon.command("srs", "rotate")
        assert done.stdout.endswith("; 2 keys verify\n"), done
        assert (daemon.spool / "signing-keys").stat().st_mode & 0o777 == 0o600
        assert daemon.command("reload").returncode == 0
        assert {event["worker"] for event in daemon.wait_for("SigningKeysChanged", 2)} == {0, 1}
        assert daemon.command("srs", "reverse", address).stdout == f"{SUE}\n"
        forged = address.replace("=sue@", "=eve@")
        done = daemon.command("srs", "reverse", forged)
        assert (done.returncode, "not made here" in done.stderr) == (DATA_ERROR, True)
        for _ in range(4):  # whichever of them answers
            with RawClient(daemon.host, daemon.port) as client:
                client.say_all("EHLO far.example", "MAIL FROM:<>", f"RCPT TO:<{address}>")
                assert client.say(f"RCPT TO:<{forged}>").startswith(
                    "550 5.1.1 This return address was not made"
                )
        daemon.stop()
        assert daemon.errors() == []


def test_our_own_people_sign_and_a_bounce_must_prove_it(tmp_path: Path) -> None:
    batv = {"sign": True, "refuse_unsigned": True}
    with (
        Receiver() as away,
        Receiver() as home,
        forwarder(tmp_path, away.address, home.address, batv=batv) as daemon,
    ):
        submit(daemon, ANN, "x@elsewhere.example", "y@plain.example")
        (mail,), (inside,) = away.wait_for(1), home.wait_for(1)
        assert path(inside.sender) == ANN, "it has not left our domains"
        tagged = path(mail.sender)
        assert re.fullmatch(r"prvs=0[0-9]{3}[0-9a-f]{6}=ann@ours\.example", tagged)
        with RawClient(daemon.host, daemon.port) as client:
            client.say_all("EHLO far.example", "MAIL FROM:<>")
            assert client.say(f"RCPT TO:<{ANN}>").startswith("550 5.7.1 That message was not from here")
        send(daemon, sender="", to=tagged)
        _, bounce = home.wait_for(2)
        assert senders([bounce]) == {"ann@plain.example": ""}


def test_postsrsd_reads_what_we_sign_and_we_read_what_it_signs(tmp_path: Path) -> None:
    with (
        Receiver() as away,
        Receiver() as home,
        postsrsd(tmp_path, SECRET, "ours.example") as other,
    ):
        base = tmp_path / "mailrail"
        base.mkdir()
        (base / "spool").mkdir(mode=0o700)
        keys = base / "spool" / "signing-keys"
        since = datetime.now(UTC) - timedelta(days=1)
        keys.write_text(f"{since.isoformat(timespec='seconds')} {SECRET.encode().hex()}\n")
        keys.chmod(0o600)
        with forwarder(base, away.address, home.address, srs={"hash_length": 4}) as daemon:
            twice = "SRS0=x/+y=AA=first.example=sue@far.example", "SRS1+x+y=first.example=-a=b@far.example"
            for count, sender in enumerate((SUE, *twice), 1):
                send(daemon, sender=sender, to=BOB)
                ours = path(away.wait_for(count)[-1].sender)
                theirs = other.forward(sender)
                assert theirs == ours
                back = daemon.command("srs", "reverse", theirs).stdout.strip()
                assert back == other.reverse(ours)
