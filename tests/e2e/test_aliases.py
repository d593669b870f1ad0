"""Aliases, lists and names of local domains by the real daemon: what is said at RCPT, who gets the mail, and who hears of it."""

import smtplib
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, mailrail, running, to
from tests.support.letters import ANN, letter, send
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e]

ALIASES = """\
# as every system has it
postmaster: root
root:       admin@receiver.example
info:       ann, "bob@receiver.example"
news:       one@receiver.example, two@receiver.example, gone@receiver.example
owner-news: admin@receiver.example
nobody:     /dev/null
round:      about
about:      round
prog:       "|/bin/cat"
"""


def local(tmp_path: Path) -> dict[str, Any]:
    """Return settings of a domain with a file of aliases and a table of mailboxes."""
    file = tmp_path / "aliases"
    file.write_text(ALIASES)
    return {
        "table": {
            "aliases": {"kind": "aliases", "file": str(file)},
            "people": {"kind": "inline", "entries": {"ann": ""}},
        },
        "relay": {"networks": ["127.0.0.2/32"]},
        "domain": {"home.example": {"mailboxes": ["people"], "aliases": ["aliases"]}},
    }


def refused(daemon: Daemon, name: str) -> str:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        send(daemon, to=f"{name}@home.example")
    ((code, words),) = caught.value.recipients.values()
    return f"{code} {words.decode()}"


def test_mail_goes_where_the_aliases_say_and_nobody_is_refused(tmp_path: Path) -> None:
    """A32, A64."""
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)], **local(tmp_path)) as daemon:
        send(daemon, letter("info", to="Info+x@home.example"), to="Info+x@home.example")
        mails = receiver.wait_for(2)  # what is forwarded leaves by SRS, in a transaction of its own
        assert {path.split()[0] for mail in mails for path in mail.recipients} == {
            "TO:<ann+x@home.example>",
            "TO:<bob@receiver.example>",
        }
        assert all(b"for <Info+x@home.example>;" in mail.header for mail in mails)
        assert refused(daemon, "eve") == "550 5.1.1 No such user here"
        assert refused(daemon, "round") == "554 5.4.6 The address leads back to itself"
        assert refused(daemon, "prog").startswith("451 4.3.5 ")
        send(daemon, to="Postmaster@home.example")
        assert receiver.wait_for(3)[2].recipients[0].split()[0] == "TO:<admin@receiver.example>"
        send(daemon, to="nobody@home.example")
        daemon.wait_for("RecipientDelivered", destination="agent:discard")


def test_a_file_of_aliases_counts_as_soon_as_it_changes(tmp_path: Path) -> None:
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)], **local(tmp_path)) as daemon:
        assert refused(daemon, "fresh") == "550 5.1.1 No such user here"
        (tmp_path / "aliases").write_text(ALIASES + "fresh: fresh@receiver.example\n")
        send(daemon, to="fresh@home.example")
        assert receiver.wait_for(1)[0].recipients[0].split()[0] == "TO:<fresh@receiver.example>"


def test_a_list_is_sent_by_its_owner_who_hears_of_trouble_while_the_writer_hears_that_it_arrived(
    tmp_path: Path,
) -> None:
    """RFC 5321 §3.9.2, RFC 3461 §5.2.7.1."""

    def script(step: object) -> str | None:
        return "550 5.1.1 moved" if "gone@" in str(step) else None

    with (
        Receiver(script=script) as receiver,
        running(tmp_path, route=[to(receiver.address)], **local(tmp_path)) as daemon,
    ):
        send(
            daemon,
            letter("news", to="news@home.example"),
            to="news@home.example",
            mail=("ENVID=E1", "RET=HDRS"),
            rcpt=("NOTIFY=SUCCESS,FAILURE",),
        )
        mails = receiver.wait_for(3)
        (sent,) = [mail for mail in mails if b"Subject: news" in mail.header and "FROM:<>" not in mail.sender]
        assert sent.sender.split()[0] == "FROM:<owner-news@home.example>"
        assert "ENVID" not in sent.sender
        assert [path.split()[0] for path in sent.recipients] == [
            "TO:<one@receiver.example>",
            "TO:<two@receiver.example>",
        ]
        notices = {mail.recipients[0].split()[0]: mail for mail in mails if mail.sender.startswith("FROM:<>")}
        arrived, moved = notices[f"TO:<{ANN}>"], notices["TO:<admin@receiver.example>"]
        assert b"Action: delivered" in arrived.content
        assert b"Original-Envelope-Id: E1" in arrived.content
        assert b"Final-Recipient: rfc822; gone@receiver.example" in moved.content
        assert b"Original-Envelope-Id" not in moved.content
        assert b"gone@" not in arrived.content


def test_who_asked_for_success_is_told_that_an_alias_was_expanded(tmp_path: Path) -> None:
    """RFC 3461 §5.2.7.3."""
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)], **local(tmp_path)) as daemon:
        send(daemon, to="info@home.example", rcpt=("NOTIFY=SUCCESS",))
        mails = receiver.wait_for(3)  # a copy for each of the two, and the notice
        (notice,) = [mail for mail in mails if mail.sender.startswith("FROM:<>")]
        assert b"Action: expanded" in notice.content
        assert b"Final-Recipient: rfc822; info@home.example" in notice.content


def test_a_gateway_asks_the_next_hop_before_it_takes_mail(tmp_path: Path) -> None:
    def script(step: object) -> str | None:
        return "550 5.1.1 nobody" if "eve@" in str(step) else None

    with Receiver(script=script) as inside:
        domain = {"home.example": {"relay_to": inside.address, "verify": True}}
        with running(tmp_path, domain=domain, relay={"networks": ["127.0.0.2/32"]}) as daemon:
            send(daemon, to="bob@home.example")
            assert refused(daemon, "eve") == "550 5.1.1 No such user here"
            (mail,) = inside.wait_for(1)
            assert mail.recipients[0].split()[0] == "TO:<bob@home.example>"
            daemon.wait_for("AddressAsked", 2)
            done = mailrail("explain", "eve@home.example", "--config", str(daemon.config))
            assert "550 5.1.1 No such user here" in done.stdout
