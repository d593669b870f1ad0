"""Next hops in trouble: greylisting, 421, lost replies, mixed answers, garbage; nothing is lost, little repeated."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.daemon import running, to
from tests.support.letters import ANN, BOB, letter, send
from tests.support.peers.processes import free_port
from tests.support.receiver import DROP, Receiver, Step

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def once(verb: str, reply: str, times: int = 1) -> Callable[[Step], str | None]:
    """Answer *reply* to the first *times* of *verb*, then as usual."""
    return lambda step: reply if step.verb == verb and step.count <= times else None


TROUBLES = [
    ("CONNECT", "421 4.3.2 too busy"),
    ("CONNECT", "garbage"),
    ("CONNECT", DROP),
    ("EHLO", "421 4.3.2 going down"),
    ("EHLO", DROP),
    ("MAIL", "451 4.3.0 not now"),
    ("MAIL", "421 4.3.2 going down"),
    ("RCPT", "450 4.2.0 greylisted"),
    ("RCPT", "452 4.2.2 mailbox full"),
    ("RCPT", "250 ok\r\n999 what"),
    ("RCPT", DROP),
    ("DATA", "451 4.3.0 not now"),
    ("DATA", "250 what?"),
    ("DATA", DROP),
    (".", "451 4.3.0 not now"),
    (".", "421 4.3.2 going down"),
    (".", "199 odd"),
]


def test_a58_a61_trouble_for_a_while_delays_mail_and_nothing_else(tmp_path: Path) -> None:
    """A58, A61: each host is in trouble twice, then takes it, once; the sender hears nothing."""
    with contextlib.ExitStack() as stack:
        hosts = {
            f"trouble{number}.example": stack.enter_context(Receiver(script=once(verb, reply, times=2)))
            for number, (verb, reply) in enumerate(TROUBLES)
        }
        routes = [to(host.address, domain) for domain, host in hosts.items()]
        daemon = stack.enter_context(running(tmp_path, route=routes))
        send(daemon, to=[f"bob@{domain}" for domain in hosts])
        daemon.wait_for("RecipientDelivered", len(hosts))
        daemon.wait_for_empty_queue()
        daemon.stop()
        for (domain, host), trouble in zip(hosts.items(), TROUBLES, strict=True):
            assert len(host.mail) == 1, trouble
            assert len(daemon.events("RecipientDeferred", recipient=f"bob@{domain}")) >= 1, trouble
        assert daemon.events("NoticeMade") == []
        assert daemon.errors() == []


def test_a59_a_drop_after_the_final_dot_sends_it_again_and_never_counts_as_delivered(tmp_path: Path) -> None:
    """A59: the peer may have it; a second copy is the price of never losing one (RFC 1047)."""
    with (
        Receiver(script=once(".", DROP)) as receiver,
        running(tmp_path, route=[to(receiver.address)]) as daemon,
    ):
        send(daemon)
        first, second = receiver.wait_for(2)
        assert first.content == second.content  # the same Message-ID, and the same trace
        (delivered,) = daemon.wait_for("RecipientDelivered")
        assert delivered["attempts"] == 2
        daemon.stop()
        assert len(receiver.mail) == 2


def test_a60_each_recipient_ends_by_its_own_answer(tmp_path: Path) -> None:
    """A60: of four, one is taken, one refused, one put off once, one put off until the end; each once."""

    def script(step: Step) -> str | None:
        if step.verb != "RCPT":
            return None
        if "gone" in step.argument:
            return "550 5.1.1 no such user"
        if "later" in step.argument and not seen.setdefault(step.argument, False):
            seen[step.argument] = True
            return "450 4.2.0 greylisted"
        return None

    seen: dict[str, bool] = {}
    everybody = [f"{name}@receiver.example" for name in ("now", "gone", "later", "also")]
    with (
        Receiver(script=script) as receiver,
        Receiver() as senders,
        running(tmp_path, route=[to(senders.address, "sender.example"), to(receiver.address)]) as daemon,
    ):
        send(daemon, letter("mixed"), to=everybody)
        mail = receiver.wait_for(2)
        assert sorted([one.split()[0] for one in mail[0].recipients]) == [
            "TO:<also@receiver.example>",
            "TO:<now@receiver.example>",
        ]
        assert [one.split()[0] for one in mail[1].recipients] == ["TO:<later@receiver.example>"]
        (notice,) = senders.wait_for(1)
        assert b"gone@receiver.example" in notice.content
        assert (
            b"later@receiver.example" not in notice.content.partition(b"\r\nContent-Type: message/rfc822")[0]
        )
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert len(receiver.mail) == 2
        assert len(senders.mail) == 1


def test_a60_all_refused_behind_a_354_sends_nothing(tmp_path: Path) -> None:
    """A60: DATA pipelined behind refused recipients, answered 354 all the same: a lone dot, nothing delivered."""

    def script(step: Step) -> str | None:
        return {"RCPT": "550 5.1.1 no", "DATA": "354 go on anyway"}.get(step.verb)

    with (
        Receiver(script=script) as receiver,
        Receiver() as senders,
        running(tmp_path, route=[to(senders.address, "sender.example"), to(receiver.address)]) as daemon,
    ):
        send(daemon)
        senders.wait_for(1)
        daemon.stop()
        assert [mail.content for mail in receiver.mail] in ([], [b""])


def test_a_host_that_is_down_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, route=[to(f"127.0.0.1:{port}")]) as daemon:
        for number in range(30):
            send(daemon, letter(f"number {number}"))
        daemon.wait_for("RecipientDeferred", 30)
        assert len(daemon.queue()) == 30
        with Receiver(port=port) as receiver:
            receiver.wait_for(30)
            daemon.wait_for_empty_queue()
            daemon.stop()
            assert len(receiver.mail) == 30
            assert len({mail.header for mail in receiver.mail}) == 30


def test_a_dead_destination_delays_no_other(tmp_path: Path) -> None:
    """A72: three hundred for the dead one come first; one for the living goes out at once."""
    with Receiver() as receiver:
        routes = [to(f"127.0.0.1:{free_port()}", "dead.example"), to(receiver.address)]
        with running(tmp_path, route=routes) as daemon:
            for _ in range(3):
                send(daemon, to=[f"r{n}@dead.example" for n in range(100)])
            send(daemon)
            receiver.wait_for(1)
            assert len(daemon.queue()) == 3


def test_connections_are_used_again(tmp_path: Path) -> None:
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        for number in range(20):
            send(daemon, letter(f"number {number}"))
            receiver.wait_for(number + 1)
        assert receiver.verbs["CONNECT"] <= 2
        assert receiver.verbs["EHLO"] <= 2


def test_a_rate_limit_parks_mail_instead_of_sending_it(tmp_path: Path) -> None:
    with (
        Receiver() as receiver,
        running(tmp_path, route=[to(receiver.address)], queue={"rate": "2/s"}) as daemon,
    ):
        begin = time.monotonic()
        for number in range(8):
            send(daemon, letter(f"number {number}"), sender=ANN, to=BOB)
        receiver.wait_for(8)
        assert time.monotonic() - begin > 3, "one at once, and seven at two a second"
        assert daemon.events("RecipientDeferred") == []
