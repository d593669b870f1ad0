"""The one door into the spool: what is added, what is refused, when a 250 is said."""

import asyncio
import re
from collections.abc import Awaitable, Sequence
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.intake.door import ORIGIN, FakeTaker, envelope, make_doorway, settled, take

from mailrail.intake import RELAYED, Treatment
from mailrail.intake.events import AcceptFailed, MessageAccepted, MessageRefused
from mailrail.model import (
    SECOND_US,
    DeliverBy,
    Hold,
    Item,
    LocalProtocolError,
    Message,
    QueueId,
    StoreError,
    StoreTrouble,
)
from mailrail.promise import Promise
from mailrail.sim import START_US, simulate
from mailrail.spool import Committed, Content, Lease, MemorySpool, MemoryStore

BY = DeliverBy(60, returns=True)
COMPLETED = Treatment(completes=True)
BODY = b"\r\ntext\r\n"
TRACE = re.compile(
    rb"Received: from client\.example \(\[192\.0\.2\.9\]\)\r\n\tby mx\.example with ESMTP id ([0-9A-Za-z]{11})\r\n"
    rb"\tfor <bob@example\.net>;\r\n\tSun, 15 Jun 2025 15:06:40 \+0000\r\n"
)
MESSAGES = [
    b"Subject: hi\r\nDate: x\r\nMessage-ID: <1@a>\r\n" + BODY,
    b"Subject: hi\r\n" + BODY,
    b"Subject: header only\r\n",
    b"Subject: no line end",
    b"",
    BODY,
    b" a first line that continues nothing\r\nDate: in the body\r\n" + BODY,
    b"\tthe same by tab\r\n",
    b"just text\r\n",
    b"\r\n",
]


def kept(content: bytes, *, treatment: Treatment = RELAYED, piece: int = 0) -> bytes:
    async def main() -> bytes:
        doorway = make_doorway()
        reply = await take(doorway, content, treatment=treatment, piece=piece)
        assert reply.code == 250
        (stored,) = doorway.stored()
        (found,) = doorway.store.messages.values()
        assert next(iter(found.items.values())).message.size_bytes == len(stored)
        return stored

    return simulate(main())


@pytest.mark.parametrize("content", MESSAGES)
def test_a38_on_the_relay_port_only_the_trace_is_added(content: bytes) -> None:
    stored = kept(content)
    found = TRACE.match(stored)
    assert found is not None
    rest = stored[found.end() :]
    # What has no header section gets its end, lest its first line become a part of our field.
    assert rest == (b"\r\n" + content if content[:1] in (b" ", b"\t") else content)


@pytest.mark.parametrize(
    ("content", "added"),
    [
        (b"Date: x\r\nMessage-ID: <1@a>\r\n" + BODY, b""),
        (b"DATE: x\r\nmessage-id: <1@a>\r\n" + BODY, b""),
        (b"Subject: a\r\n Date: folded\r\n" + BODY, b"DM"),
        (b"Date: x\r\n" + BODY, b"M"),
        (b"Message-ID: <1@a>\r\n" + BODY, b"D"),
        (b"Subject: a\r\n\r\nDate: in the body\r\n", b"DM"),
        (b"X-Date: x\r\nMessage-IDs: no\r\n", b"DM"),
        (BODY, b"DM"),
        (b"", b"DM"),
        (b" Date: x\r\nMessage-ID: <1@a>\r\n" + BODY, b"DM"),
    ],
)
@pytest.mark.parametrize("piece", [0, 1, 3])
def test_a38_a_submission_gets_the_date_and_message_id_that_it_lacks(
    content: bytes, added: bytes, piece: int
) -> None:
    stored = kept(content, treatment=COMPLETED, piece=piece)
    found = TRACE.match(stored)
    assert found is not None
    ours, rest = stored[found.end() :], content
    if b"D" in added:
        assert ours.startswith(b"Date: Sun, 15 Jun 2025 15:06:40 +0000\r\n")
        ours = ours.partition(b"\r\n")[2]
    if b"M" in added:
        assert ours.startswith(b"Message-ID: <" + found[1] + b"@mx.example>\r\n")
        ours = ours.partition(b"\r\n")[2]
    assert ours == (b"\r\n" + rest if rest[:1] == b" " else rest)


@given(st.sampled_from(MESSAGES), st.sampled_from([RELAYED, COMPLETED]), st.integers(1, 20))
def test_the_pieces_in_which_a_message_comes_change_nothing(
    content: bytes, treatment: Treatment, piece: int
) -> None:
    whole = kept(content, treatment=treatment)
    assert kept(content, treatment=treatment, piece=piece) == whole


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b"Received: by a\r\n" * 50 + BODY, "554 5.4.6"),
        (b"received: by a\r\n" * 50, "554 5.4.6"),
        (b"Received: by a\r\n" * 49 + b"Received: by a", "554 5.4.6"),
        (b"X: " + b"y" * 3000 + b"\r\n" + BODY, "552 5.3.4"),
        (b"A: b\r\n" * 61 + BODY, "552 5.3.4"),
        (b"A: \0\r\n" + BODY, "554 5.6.0"),
    ],
    ids=["a64_hops", "a64_lower_case", "a64_no_last_line_end", "a16_bytes", "a16_lines", "a2_nul"],
)
@pytest.mark.parametrize("treatment", [RELAYED, COMPLETED])
@pytest.mark.parametrize("piece", [0, 7])
def test_a16_a64_a_header_over_a_limit_is_refused_and_nothing_is_kept(
    content: bytes, reply: str, treatment: Treatment, piece: int
) -> None:
    async def main() -> None:
        doorway = make_doorway()
        assert str(await take(doorway, content, treatment=treatment, piece=piece)).startswith(reply)
        assert doorway.stored() == []
        assert len(doorway.told(MessageRefused)) == 1
        assert doorway.taker.offered == []

    simulate(main())


@pytest.mark.parametrize("name", [one.name for one in fields(Treatment) if one.init])
def test_a_treatment_that_asks_for_anything_is_not_none(name: str) -> None:
    """What it asks for is on the longer road; an author is only added where fields are completed."""
    assert RELAYED.is_none
    assert Treatment(**{name: 1}).is_none is (name == "author")  # type: ignore[arg-type]  # anything but the default


@pytest.mark.parametrize(
    "content",
    [
        b"Received: by a\r\n" * 49 + BODY,
        b"A: b\r\n" * 60 + BODY,
        b"__proto__: x\r\n: empty\r\nspace : x\r\n\xff\xfe: x\r\n" + BODY,
        b"Subject: a\r\n" + b"\r\nReceived: in the body" * 100,
    ],
    ids=["one_hop_less", "as_many_lines", "odd_names", "received_in_body"],
)
def test_a16_a64_what_is_within_the_limits_passes_opaque(content: bytes) -> None:
    assert kept(content).endswith(content)


@pytest.mark.parametrize(
    ("trouble", "reply"),
    [
        (StoreTrouble.FULL, "452 4.3.1"),
        (StoreTrouble.FAILED, "451 4.3.0"),
        (StoreTrouble.DAMAGED, "451 4.3.0"),
    ],
)
def test_a68_a_commit_that_fails_is_answered_4yz_and_told_and_offers_nothing(
    trouble: StoreTrouble, reply: str
) -> None:
    async def main() -> None:
        store = MemoryStore()
        doorway = make_doorway(store=store)
        incoming = doorway.intake.begin(ORIGIN, envelope())
        incoming.write(b"text\r\n")
        store.refuses = trouble
        assert str(await settled(incoming.finish())).startswith(reply)
        assert doorway.stored() == []
        assert doorway.taker.offered == []
        assert len(doorway.told(AcceptFailed)) == 1
        assert doorway.told(MessageAccepted) == []

    simulate(main())


def test_a69_a_spool_that_takes_nothing_says_so_at_the_beginning() -> None:
    async def main() -> None:
        doorway = make_doorway(store=MemoryStore(refuses=StoreTrouble.FULL))
        with pytest.raises(StoreError):
            doorway.intake.begin(ORIGIN, envelope())

    simulate(main())


class OddDraft:
    """Makes its writers wait, and can fail at once, be cancelled, or raise what nobody expects."""

    def __init__(self, queue_id: QueueId, kind: str) -> None:
        self.queue_id = queue_id
        self.size_bytes = 0
        self.kind = kind
        self.discarded = 0
        self.committed: Promise[Committed] = Promise()

    def write(self, chunk: bytes, /) -> Awaitable[None] | None:
        self.size_bytes += len(chunk)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        loop.call_later(1, done.set_result, None)
        return done

    def commit(self, message: Message, items: Sequence[Item], *, lease: bool) -> Promise[Committed]:
        if self.kind == "raises":
            raise StoreError(StoreTrouble.FULL, "no space")
        if self.kind == "bug":
            raise LocalProtocolError("a bug")
        return self.committed

    def discard(self) -> None:
        self.discarded += 1


class OddSpool(MemorySpool):
    kind = ""
    draft: OddDraft

    def begin(self, queue_id: QueueId) -> OddDraft:  # type: ignore[override]  # another Draft
        self.draft = OddDraft(queue_id, self.kind)
        return self.draft


def odd_spool(kind: str) -> OddSpool:
    from mailrail.sim import SimClock

    spool = OddSpool(SimClock())
    spool.kind = kind
    return spool


def test_a_draft_that_wants_its_writer_to_wait_is_waited_for() -> None:
    async def main() -> None:
        doorway = make_doorway(odd_spool(""))
        incoming = doorway.intake.begin(ORIGIN, envelope())
        waits = incoming.write(b"text\r\n")
        assert waits is not None
        await waits
        assert asyncio.get_running_loop().time() == 1

    simulate(main())


def test_a68_a_commit_that_raises_at_once_is_a_reply_too_and_the_draft_is_gone() -> None:
    async def main() -> None:
        spool = odd_spool("raises")
        doorway = make_doorway(spool)
        incoming = doorway.intake.begin(ORIGIN, envelope(), treatment=COMPLETED)
        assert str(await settled(incoming.finish())).startswith("452 4.3.1")
        assert spool.draft.discarded == 1

    simulate(main())


def test_a_commit_that_is_cancelled_is_answered_451() -> None:
    async def main() -> None:
        spool = odd_spool("")
        doorway = make_doorway(spool)
        incoming = doorway.intake.begin(ORIGIN, envelope(), treatment=COMPLETED)
        answer = incoming.finish()
        spool.draft.committed.cancel()
        assert str(await settled(answer)).startswith("451 4.3.0")

    simulate(main())


def test_who_waits_no_longer_does_not_stop_the_message() -> None:
    async def main() -> None:
        doorway = make_doorway()
        incoming = doorway.intake.begin(ORIGIN, envelope())
        incoming.write(b"text\r\n")
        answer = incoming.finish()
        assert isinstance(answer, Promise)
        answer.cancel()
        await asyncio.sleep(1)
        assert len(doorway.stored()) == 1
        assert len(doorway.taker.offered) == 1

    simulate(main())


def test_the_250_does_not_depend_on_the_queue() -> None:
    class BrokenTaker(FakeTaker):
        def offer(self, leases: Sequence[Lease], content: Content) -> None:
            raise ZeroDivisionError

    complaints: list[object] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        doorway = make_doorway()
        doorway.intake.taker = BrokenTaker()
        assert (await take(doorway, b"text\r\n")).code == 250

    simulate(main())
    assert len(complaints) == 1


def test_recipients_are_sorted_into_one_item_for_each_destination() -> None:
    async def main() -> None:
        doorway = make_doorway()
        await take(doorway, b"text\r\n", "a@x.example", "b@y.example", "c@x.example")
        ((leases, content),) = doorway.taker.offered
        assert [(lease.item.destination, [p.index for p in lease.item.pending]) for lease in leases] == [
            ("mx:x.example", [0, 2]),
            ("mx:y.example", [1]),
        ]
        assert doorway.taker.asked == [["mx:x.example", "mx:y.example"]]
        assert b"for <" not in (content.whole or b"")

    simulate(main())


def test_a_queue_without_room_gets_no_lease_and_the_message_waits_in_the_spool() -> None:
    async def main() -> None:
        doorway = make_doorway()
        doorway.taker.is_full = True
        reply = await take(doorway, b"text\r\n", sender="")
        assert re.fullmatch(r"250 2\.0\.0 Queued as [0-9A-Za-z]{11}", str(reply))
        assert doorway.taker.offered == []
        (accepted,) = doorway.told(MessageAccepted)
        assert isinstance(accepted, MessageAccepted)
        assert accepted.sender == "<>"
        assert accepted.session == "s1"
        assert accepted.size == len(doorway.stored()[0])

    simulate(main())


def test_what_is_discarded_is_gone() -> None:
    async def main() -> None:
        doorway = make_doorway()
        incoming = doorway.intake.begin(ORIGIN, envelope())
        incoming.write(b"text\r\n")
        incoming.discard()
        assert doorway.stored() == []

    simulate(main())


# --- What a listener has done to its messages ---------------------------------------------------

CHECKED = Treatment(completes=True, checks_header=True)
COMPLETE = b"From: ann@example.org\r\nSender: a@example.org\r\nDate: x\r\nMessage-ID: <1@a>\r\n" + BODY


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Subject: x\r\n" + BODY, "No From field"),
        (b"", "No From field"),
        (BODY + b"From: ann@example.org\r\n", "No From field"),
        (b" From: ann@example.org\r\nFrom: ann@example.org\r\n" + BODY, "No From field"),
        (b"X-From: ann@example.org\r\nFromm: x\r\n" + BODY, "No From field"),
        (b"Subject: x\r\n From: folded@example.org\r\n" + BODY, "No From field"),
        (b"From: boss@example.org\r\n" + COMPLETE, "2 From fields"),
        (b"fROM \t: boss@example.org\r\n" + COMPLETE, "2 From fields"),
        (b"Sender: b@example.org\r\n" + COMPLETE, "2 Sender fields"),
        (b"Date: y\r\nDATE: z\r\n" + COMPLETE, "3 Date fields"),
        (b"Message-Id: <2@a>\r\n" + COMPLETE, "2 Message-ID fields"),
    ],
)
@pytest.mark.parametrize("piece", [0, 1])
def test_a_submission_says_once_who_wrote_it_and_when(content: bytes, words: str, piece: int) -> None:
    """ACCEPTANCE §5: From is refused 0 or more than one time."""

    async def main() -> None:
        doorway = make_doorway()
        reply = await take(doorway, content, treatment=CHECKED, piece=piece)
        assert str(reply).startswith(f"554 5.6.0 {words}")
        assert doorway.stored() == []
        assert len(doorway.told(MessageRefused)) == 1
        assert (await take(doorway, content, piece=piece)).code == 250, "from elsewhere it is taken as it is"

    simulate(main())


def test_a_submission_in_order_passes_and_gets_no_field_twice() -> None:
    assert kept(COMPLETE, treatment=CHECKED).endswith(b"+0000\r\n" + COMPLETE)
    spaced = COMPLETE.replace(b"Date:", b"Date :")
    assert kept(spaced, treatment=CHECKED).endswith(b"+0000\r\n" + spaced)


def test_where_the_client_is_hidden_the_trace_tells_nothing_of_it_and_the_event_all() -> None:
    async def main() -> None:
        doorway = make_doorway()
        assert (await take(doorway, COMPLETE, treatment=Treatment(hides_client=True))).code == 250
        trace = doorway.stored()[0].removesuffix(COMPLETE)
        assert re.fullmatch(
            rb"Received: by mx\.example with ESMTP id \w{11}\r\n\tfor <bob@example\.net>;\r\n\tSun, .*\r\n",
            trace,
        )
        (event,) = doorway.told(MessageAccepted)
        assert isinstance(event, MessageAccepted)
        assert (event.client, event.hello) == (ORIGIN.client, ORIGIN.helo)

    simulate(main())


@pytest.mark.parametrize(
    ("field", "is_optional"),
    [
        (b"TLS-Required: No\r\n", True),
        (b"tls-required:\r\n\tno \r\n", True),
        (b"TLS-Required: Yes\r\n", False),
        (b"X-TLS-Required: No\r\n", False),
        (b"Subject: x\r\n\r\nTLS-Required: No\r\n", False),
        (b"", False),
    ],
)
def test_tls_required_no_is_kept_with_the_message_but_not_against_requiretls(
    field: bytes, is_optional: bool
) -> None:
    async def main() -> None:
        for requiretls in (False, True):
            doorway = make_doorway()
            incoming = doorway.intake.begin(ORIGIN, replace(envelope(), requiretls=requiretls))
            incoming.write(field + BODY)
            assert (await settled(incoming.finish())).code == 250
            (stored,) = doorway.store.messages.values()
            message = next(iter(stored.items.values())).message
            assert message.is_tls_optional is (is_optional and not requiretls)
            assert message.envelope.requiretls is requiretls

    simulate(main())


@pytest.mark.parametrize(
    ("hold", "seconds"), [(Hold(for_s=3600), 3600), (Hold(until_us=START_US + 60 * SECOND_US), 60)]
)
def test_a_message_that_is_to_leave_later_is_stored_for_then_and_not_handed_on(
    hold: Hold, seconds: int
) -> None:
    async def main() -> None:
        doorway = make_doorway()
        incoming = doorway.intake.begin(ORIGIN, replace(envelope("a@x.example", "b@y.example"), hold=hold))
        incoming.write(b"text\r\n")
        assert (await settled(incoming.finish())).code == 250
        (stored,) = doorway.store.messages.values()
        due_us = START_US + seconds * SECOND_US
        assert [state.item.due_us for state in stored.items.values()] == [due_us, due_us]
        assert doorway.taker.offered == []
        assert doorway.taker.expected == [due_us]

    simulate(main())


def test_a_time_that_has_passed_holds_nothing() -> None:
    async def main() -> None:
        doorway = make_doorway()
        incoming = doorway.intake.begin(ORIGIN, replace(envelope(), hold=Hold(until_us=1)))
        incoming.write(b"text\r\n")
        assert (await settled(incoming.finish())).code == 250
        assert len(doorway.taker.offered) == 1

    simulate(main())


def test_where_no_route_asks_for_tls_nobody_looks_for_who_does_without() -> None:
    async def main() -> None:
        doorway = make_doorway()
        doorway.intake.heeds_tls_required = False
        await take(doorway, b"TLS-Required: No\r\n" + BODY)
        (stored,) = doorway.store.messages.values()
        assert not next(iter(stored.items.values())).message.is_tls_optional

    simulate(main())


@pytest.mark.parametrize(
    ("by", "passed_s", "code", "left"),
    [
        (BY, 0, 250, [BY]),
        (BY, 22.5, 250, [DeliverBy(38, returns=True)]),
        (BY, 60, 554, []),
        (DeliverBy(60, returns=False), 61, 250, [DeliverBy(-1, returns=False)]),
    ],
)
def test_the_time_that_a_sender_gives_runs_from_mail_on(
    by: DeliverBy, passed_s: float, code: int, left: list[DeliverBy]
) -> None:
    """RFC 2852 §4: what arrives when its time is over is refused while its sender is there to hear it."""

    async def main() -> None:
        doorway = make_doorway()
        wanted = replace(envelope(), deliver_by=by)
        asked_us = doorway.intake.clock.now_us()
        await asyncio.sleep(passed_s / 2)
        incoming = doorway.intake.begin(ORIGIN, wanted, asked_us=asked_us)
        incoming.write(b"Subject: x\r\n\r\ntext\r\n")
        await asyncio.sleep(passed_s / 2)
        reply = await settled(incoming.finish())
        assert reply.code == code
        assert reply.enhanced_code == ("5.4.7" if code == 554 else "2.0.0")
        kept = [next(iter(one.items.values())).message for one in doorway.store.messages.values()]
        assert [message.envelope.deliver_by for message in kept] == left

    simulate(main())


@pytest.mark.parametrize("content", [b"Subject: x\r\n" + BODY, b"Subject: header only\r\n"])
@pytest.mark.parametrize("is_rewritten", [True, False])
def test_what_is_known_of_content_is_not_believed_of_a_header_written_anew(
    content: bytes, is_rewritten: bool
) -> None:
    async def rewrite(header: bytes) -> bytes:
        return header

    async def main() -> None:
        doorway = make_doorway()
        treatment = Treatment(completes=True, rewrite=rewrite if is_rewritten else None)
        incoming = doorway.intake.begin(ORIGIN, envelope(), treatment=treatment)
        waits = incoming.write(content)
        if waits is not None:
            await waits
        assert (await settled(incoming.finish(is_plain=True))).code == 250
        (stored,) = doorway.store.messages.values()
        assert next(iter(stored.items.values())).message.is_plain is not is_rewritten

    simulate(main())
