"""What senders hear: one notice for what failed, none that was not wanted, and never a notice of a notice."""

import email
import email.policy
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.support.daemon import running, to
from tests.support.letters import ANN, BOB, letter, send, wire
from tests.support.receiver import Mail, Receiver, Step

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def refuse_gone(step: Step) -> str | None:
    """Refuse `gone...` for good; put `later...` off."""
    if step.verb == "RCPT" and step.argument.startswith("TO:<gone"):
        return "550-5.1.1 no such user\r\n550 5.1.1 ask somebody else"
    if step.verb == "RCPT" and step.argument.startswith("TO:<later"):
        return "450 4.2.0 not now"
    return None


def parts(mail: Mail) -> tuple[EmailMessage, str, list[dict[str, str]], EmailMessage]:
    """Take a notice apart: whole, words, groups of fields, what was returned."""
    whole = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert isinstance(whole, EmailMessage)
    assert whole.get_content_type() == "multipart/report"
    assert whole.get_param("report-type") == "delivery-status"
    text, status, returned = whole.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(returned, EmailMessage)
    payload = status.get_payload()
    assert isinstance(payload, list)
    groups = [
        {name.lower(): str(value) for name, value in group.items()}
        for group in payload
        if not isinstance(group, str)
    ]
    return whole, str(text.get_content()), groups, returned


def test_a_refusal_ends_as_one_notice_with_null_reverse_path_by_the_senders_route(tmp_path: Path) -> None:
    """A65: what was refused, by whom, in which words; the original comes along."""
    with (
        Receiver(script=refuse_gone) as receiver,
        Receiver() as senders,
        running(tmp_path, route=[to(senders.address, "sender.example"), to(receiver.address)]) as daemon,
    ):
        send(
            daemon,
            letter("for nobody"),
            to=["gone1@receiver.example", BOB, "gone2@receiver.example"],
            mail=("ENVID=e42",),
            rcpt=("ORCPT=rfc822;o+40x",),
        )
        (mail,) = senders.wait_for(1)
        receiver.wait_for(1)
        assert mail.sender.split()[0] == "FROM:<>"
        assert [one.split()[0] for one in mail.recipients] == [f"TO:<{ANN}>"]
        whole, words, (about, *recipients), returned = parts(mail)
        assert whole["To"] == ANN
        assert whole["Auto-Submitted"] == "auto-replied"
        assert "MAILER-DAEMON@mail.test.example" in str(whole["From"])
        assert about["reporting-mta"] == "dns; mail.test.example"
        assert about["original-envelope-id"] == "e42"
        assert "gone1@receiver.example" in words
        assert "ask somebody else" in words
        assert [one["final-recipient"].replace(" ", "") for one in recipients] == [
            "rfc822;gone1@receiver.example", "rfc822;gone2@receiver.example",
        ]  # fmt: skip
        for one in recipients:
            assert one["action"] == "failed"
            assert one["status"] == "5.1.1"
            assert one["diagnostic-code"].startswith("smtp; 550 5.1.1 no such user")
            assert one["original-recipient"].replace(" ", "") == "rfc822;o@x"
        assert returned.get_content_type() == "message/rfc822"
        assert b"Subject: for nobody" in mail.content
        assert b"A line." in mail.content
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert len(senders.mail) == 1


def test_notify_says_who_hears_of_what(tmp_path: Path) -> None:
    """A65: NEVER nothing, SUCCESS relayed by a hop without DSN, RET=HDRS only the header."""
    extensions = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")
    with (
        Receiver(script=refuse_gone, extensions=extensions) as receiver,
        Receiver() as senders,
        running(tmp_path, route=[to(senders.address, "sender.example"), to(receiver.address)]) as daemon,
    ):
        send(daemon, sender="never@sender.example", to="gone@receiver.example", rcpt=("NOTIFY=NEVER",))
        send(daemon, sender="delay@sender.example", to="gone@receiver.example", rcpt=("NOTIFY=DELAY",))
        send(daemon, sender="success@sender.example", rcpt=("NOTIFY=SUCCESS",))
        send(
            daemon,
            sender="both@sender.example",
            to="gone@receiver.example",
            mail=("RET=HDRS",),
            rcpt=("NOTIFY=SUCCESS,FAILURE",),
        )
        notices = {one.recipients[0].split()[0]: parts(one) for one in senders.wait_for(2)}
        assert set(notices) == {"TO:<success@sender.example>", "TO:<both@sender.example>"}
        _, _, (_, relayed), _ = notices["TO:<success@sender.example>"]
        assert relayed["action"] == "relayed"
        assert relayed["status"].startswith("2.")
        _, _, (_, failed), returned = notices["TO:<both@sender.example>"]
        assert failed["action"] == "failed"
        assert returned.get_content_type() == "text/rfc822-headers"
        assert "Subject: hello" in str(returned.get_content())
        assert "A line." not in str(returned.get_content())
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert len(senders.mail) == 2
        assert len(receiver.mail) == 1


def test_a63_a_notice_is_never_answered_by_a_notice(tmp_path: Path) -> None:
    """A63: mail from <> that fails is dropped; a notice that fails goes to the postmaster named, or is dropped."""
    with Receiver(script=refuse_gone) as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        send(daemon, sender="", to="gone@receiver.example")
        daemon.wait_for("NoticeSuppressed")
        send(daemon, sender="gone@receiver.example", to="gone2@receiver.example")
        daemon.wait_for("DoubleBounce")
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert receiver.mail == []
        assert len(daemon.events("NoticeMade")) == 1


def test_a63_the_postmaster_gets_what_nobody_else_may(tmp_path: Path) -> None:
    with (
        Receiver(script=refuse_gone) as receiver,
        running(
            tmp_path, route=[to(receiver.address)], report={"postmaster": "chief@home.example"}
        ) as daemon,
    ):
        send(daemon, sender="gone@receiver.example", to="gone2@receiver.example")
        (mail,) = receiver.wait_for(1)
        assert mail.recipients[0].split()[0] == "TO:<chief@home.example>"
        assert mail.sender.split()[0] == "FROM:<>"
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert len(receiver.mail) == 1


def test_a_delay_is_told_once_to_our_own_people_and_expiry_ends_it(tmp_path: Path) -> None:
    """A61: 4yz is never a failure until time is over; then 5.4.7 with the last words of the peer."""
    retry = {"first_s": 1, "longest_s": 1, "warn_s": 2, "give_up_s": 5, "give_up_notice_s": 4}
    with (
        Receiver(script=refuse_gone) as receiver,
        Receiver() as senders,
        running(
            tmp_path,
            route=[to(senders.address, "sender.example"), to(receiver.address)],
            queue={"retry": retry},
        ) as daemon,
    ):
        send(daemon, to="later@receiver.example")
        first, second = (parts(one) for one in senders.wait_for(2))
        _, words, (_, delayed), _ = first
        assert delayed["action"] == "delayed"
        assert delayed["status"] == "4.2.0"
        assert "will-retry-until" in delayed
        assert "not now" in words
        _, _, (_, failed), _ = second
        assert failed["action"] == "failed"
        assert failed["status"] == "5.4.7"
        assert "not now" in failed["diagnostic-code"]
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert len(senders.mail) == 2
        assert receiver.verbs["RCPT"] >= 3
        assert len(daemon.events("RecipientExpired")) == 1


def test_a64_mail_going_round_is_stopped_and_told_of(tmp_path: Path) -> None:
    """A64: over the limit of Received fields it is refused at the door."""
    with running(tmp_path) as daemon:
        trace = b"".join(
            b"Received: from a by b; Thu, 01 Oct 2026 12:%02d:00 +0000\r\n" % n for n in range(50)
        )
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            send(daemon, trace + wire(letter("round and round")))
        assert refusal.value.smtp_code == 554
        assert "5.4.6" in str(refusal.value.smtp_error)
