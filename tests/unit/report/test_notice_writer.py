"""Whom we owe a word, and what it says: NoticeWriter is the queue's Notifier."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from email.parser import BytesParser
from email.policy import compat32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.message import Action, DeliveryStatus, parse_report
from mailrail.model import (
    SECOND_US,
    Address,
    Blame,
    Body,
    Deferred,
    DeliverBy,
    Delivered,
    Envelope,
    Failed,
    Hold,
    Message,
    Notify,
    Origin,
    Outcome,
    QueueId,
    QueueIds,
    Recipient,
    Reply,
    Ret,
    StoreError,
    StoreTrouble,
)
from mailrail.model import reply as say
from mailrail.observe import Bus, Event
from mailrail.queue.api import Notifier
from mailrail.report import DoubleBounce, NoticeMade, NoticeSuppressed, NoticeWriter, ReportSettings
from mailrail.spool import SMALL_BYTES, NewMessage

NOW = 1_795_440_000 * SECOND_US
SENDER = Address("sender", "example.com")
POSTMASTER = Address("postmaster", "example.org")
GONE = Failed(Blame.RECIPIENT, Reply(550, "5.1.1", "No such user\nReally"), "mail.example.org")
TAKEN = Delivered(Reply(250, "2.0.0", "Ok"), "mail.example.org")
WAITING = Deferred(Blame.HOST, Reply(451, "4.7.1", "Greylisted"), "mail.example.org")
CONTENT = b"Subject: Hello\r\nMessage-ID: <1@example.com>\r\n\r\nBody text\r\n"


class StoppedClock:
    def now_us(self) -> int:
        return NOW


class StoredContent:
    """Content as the spool gives it: above SMALL_BYTES, or when *in_file*, not in memory."""

    def __init__(self, content: bytes, *, in_file: bool = False, trouble: StoreTrouble | None = None) -> None:
        self._content = content
        self._trouble = trouble
        self.size_bytes = len(content)
        self.whole = None if in_file or trouble or len(content) > SMALL_BYTES else content

    async def read(self, offset: int, length: int, /) -> bytes:
        if self._trouble:
            raise StoreError(self._trouble, "cannot read")
        return self._content[offset : offset + length]

    def close(self) -> None:
        pass


def destination_of(recipient: Recipient) -> str:
    return f"agent:{recipient.target}" if recipient.target else f"mx:{recipient.forward_path.domain}"


class World:
    """A writer and what it told the bus."""

    def __init__(self, settings: ReportSettings) -> None:
        self.events: list[Event] = []
        self.aliases: dict[Address, tuple[Recipient, ...]] = {}
        bus = Bus()
        bus.listen(self.events.append)
        clock = StoppedClock()
        self.writer = NoticeWriter(
            "mx1.example.org", settings, QueueIds(clock), clock, destination_of, self.whose, bus
        )

    async def whose(self, recipient: Recipient) -> tuple[Recipient, ...]:
        return self.aliases.get(recipient.forward_path, (recipient,))

    def notices(
        self,
        message: Message,
        outcomes: Sequence[tuple[int, Outcome]],
        content: StoredContent | None = None,
        delayed: Sequence[int] = (),
        *,
        is_late: bool = False,
    ) -> tuple[NewMessage, ...]:
        stored, until_us = content or StoredContent(CONTENT), NOW + 86_400 * SECOND_US
        return asyncio.run(
            self.writer.notices(
                message, stored, outcomes, delayed=delayed, retry_until_us=until_us, is_late=is_late
            )
        )


@pytest.fixture
def world() -> World:
    return World(ReportSettings(postmaster="postmaster@example.org"))


def mail(
    *notify: Notify,
    sender: Address | None = SENDER,
    ret: Ret | None = None,
    is_notice: bool = False,
    is_local: bool = False,
) -> Message:
    recipients = tuple(
        Recipient(Address(f"user{n}", "example.org"), wish)
        for n, wish in enumerate(notify or (Notify.DEFAULT,))
    )
    return Message(
        queue_id=QueueId("0123456789B"),
        arrived_us=NOW - 3600 * SECOND_US,
        envelope=Envelope(sender, recipients, ret=ret, envid="ENV1"),
        size_bytes=len(CONTENT),
        origin=Origin(is_local=is_local),
        is_notice=is_notice,
    )


def told(notice: NewMessage) -> DeliveryStatus:
    status = parse_report(notice.content)
    assert status is not None
    return status


def actions(notices: Sequence[NewMessage]) -> list[Action]:
    return [one.action for notice in notices for one in told(notice).recipients]


def test_it_is_what_the_queue_asks_for(world: World) -> None:
    notifier: Notifier = world.writer
    assert notifier is world.writer


def test_a_failure_is_told_with_everything_the_sender_needs(world: World) -> None:
    recipient = Recipient(Address("user", "example.org"), orcpt="rfc822;alias@example.net")
    message = replace(mail(), envelope=replace(mail().envelope, recipients=(recipient,)))
    (notice,) = world.notices(message, [(0, GONE)])
    status = told(notice)
    assert (status.reporting_mta, status.envid, status.arrival_us) == (
        "mx1.example.org",
        "ENV1",
        message.arrived_us,
    )
    (one,) = status.recipients
    assert (one.final_recipient, one.original_recipient) == (
        "rfc822;user@example.org",
        "rfc822;alias@example.net",
    )
    assert (one.action, one.status, one.remote_mta) == (Action.FAILED, "5.1.1", "mail.example.org")
    assert one.diagnostic == "550 5.1.1 No such user / Really"
    assert one.last_attempt_us == NOW
    assert CONTENT in notice.content


def test_a_notice_about_mail_with_requiretls_gives_nothing_of_it_away(world: World) -> None:
    """RFC 8689 §5: whatever RET says, for it may have to go back without REQUIRETLS."""
    plain = mail(Notify.SUCCESS | Notify.FAILURE, Notify.SUCCESS, ret=Ret.FULL)
    message = replace(plain, envelope=replace(plain.envelope, requiretls=True))
    notices = world.notices(message, [(0, GONE), (1, TAKEN)])
    assert len(notices) == 2
    for notice in notices:
        assert notice.message.envelope.requiretls
        assert b"Hello" not in notice.content
        assert b"Body text" not in notice.content
        assert b"Message-ID: <1@example.com>\r\n" in notice.content
    (notice,) = world.notices(message, [(0, GONE)], StoredContent(b"Subject: Hello\r\n\r\nBody text\r\n"))
    assert b"Hello" not in notice.content


def test_a_notice_has_the_priority_of_what_it_tells_of(world: World) -> None:
    """RFC 6710 §4.6."""
    message = replace(mail(), envelope=replace(mail().envelope, priority=4))
    (notice,) = world.notices(message, [(0, GONE)])
    assert notice.message.envelope.priority == 4


BY_N, BY_R = DeliverBy(7200, returns=False), DeliverBy(7200, returns=True)
PASSED = replace(TAKEN, passed_by=True, passed_dsn=True)


@pytest.mark.parametrize(
    ("by", "notify", "outcome", "is_told"),
    [
        (BY_N, Notify.DEFAULT, TAKEN, True),
        (BY_N, Notify.FAILURE, replace(TAKEN, passed_dsn=True), True),
        (BY_N, Notify.SUCCESS, TAKEN, True),
        (BY_N, Notify.NEVER, TAKEN, False),
        (BY_N, Notify.DEFAULT, PASSED, False),
        (BY_N, Notify.DEFAULT, replace(TAKEN, is_final=True), False),
        (replace(BY_N, traces=True), Notify.DEFAULT, PASSED, True),
        (replace(BY_N, traces=True), Notify.DEFAULT, TAKEN, True),
        (replace(BY_R, traces=True), Notify.FAILURE, PASSED, True),
        (replace(BY_R, traces=True), Notify.NEVER, PASSED, False),
        (BY_R, Notify.DEFAULT, PASSED, False),
    ],
)
def test_who_gives_a_time_hears_where_that_wish_ends_or_of_every_hop(
    world: World, by: DeliverBy, notify: Notify, outcome: Delivered, is_told: bool
) -> None:
    """RFC 2852 §4.1.4."""
    message = replace(mail(notify), envelope=replace(mail(notify).envelope, deliver_by=by))
    made = world.notices(message, [(0, outcome)])
    assert actions(made) == ([Action.RELAYED] if is_told else [])
    assert world.writer.is_owed(message, [(0, outcome)]) is is_told
    if is_told:
        (notice,) = made
        assert b"\r\nArrival-Date: " in notice.content
        assert b"\r\nDeliver-by-date: " in notice.content


@pytest.mark.parametrize(("traces", "is_told"), [(False, False), (True, True)])
def test_who_was_told_that_it_is_late_hears_of_hops_only_if_he_asked_to(
    world: World, traces: bool, is_told: bool
) -> None:
    """RFC 2852 §4.1.4; the clock has nothing to say in it, for it may have been stepped (A62)."""
    late = replace(mail(), envelope=replace(mail().envelope, deliver_by=replace(BY_N, traces=traces)))
    assert actions(world.notices(late, [(0, TAKEN)], is_late=True)) == [Action.RELAYED] * is_told
    past = replace(late, envelope=replace(late.envelope, deliver_by=replace(BY_N, by_s=60)))
    assert actions(world.notices(past, [(0, TAKEN)])) == [Action.RELAYED]


@pytest.mark.parametrize(
    ("notify", "is_told"),
    [(Notify.DEFAULT, True), (Notify.DELAY, True), (Notify.FAILURE, False), (Notify.NEVER, False)],
)
def test_who_gives_a_time_hears_of_the_delay_whatever_the_settings_say(notify: Notify, is_told: bool) -> None:
    """RFC 2852 §4.1.3."""
    world = World(ReportSettings.model_validate({"delay_notices": "none"}))
    message = replace(mail(notify), envelope=replace(mail(notify).envelope, deliver_by=BY_N))
    late = Deferred(Blame.HOST, say.DELIVER_BY_OVER, "mail.example.org")
    made = world.notices(message, [(0, late)], delayed=[0])
    assert [(one.action, one.status) for notice in made for one in told(notice).recipients] == (
        [(Action.DELAYED, "4.4.7")] if is_told else []
    )


def test_the_owner_of_a_list_gave_no_time_and_hears_of_none(world: World) -> None:
    plain = mail()
    member = replace(plain.envelope.recipients[0], returns_to=Address("owner-news", "example.org"))
    envelope = replace(plain.envelope, recipients=(member,), deliver_by=replace(BY_N, traces=True))
    message = replace(plain, envelope=envelope)
    assert world.notices(message, [(0, TAKEN)]) == ()
    assert world.notices(message, [(0, WAITING)], delayed=[0]) == ()


def test_a_notice_repeats_until_when_its_sender_had_the_message_kept_back(world: World) -> None:
    message = replace(mail(), envelope=replace(mail().envelope, hold=Hold(for_s=3600)))
    (notice,) = world.notices(message, [(0, GONE)])
    assert b"Future-Release-Request: for;3600\r\n" in notice.content
    assert str(Hold(until_us=NOW)) == "until;2026-11-23T13:20:00Z"


def test_a63_a_notice_is_a_message_that_nobody_answers(world: World) -> None:
    (notice,) = world.notices(mail(), [(0, GONE)])
    message, (item,) = notice.message, notice.items
    assert message.is_notice
    assert message.envelope == Envelope(None, (Recipient(SENDER),))
    assert (message.size_bytes, message.arrived_us) == (len(notice.content), NOW)
    assert (item.queue_id, item.destination, item.due_us) == (message.queue_id, "mx:example.com", NOW)
    assert [pending.index for pending in item.pending] == [0]
    assert BytesParser(policy=compat32).parsebytes(notice.content)["Auto-Submitted"] == "auto-replied"


def test_a65_all_that_failed_in_one_settlement_stand_in_one_notice(world: World) -> None:
    notices = world.notices(mail(*[Notify.DEFAULT] * 3), [(0, GONE), (1, TAKEN), (2, GONE)])
    assert len(notices) == 1
    assert [one.final_recipient for one in told(notices[0]).recipients] == [
        "rfc822;user0@example.org",
        "rfc822;user2@example.org",
    ]
    assert world.events == [
        NoticeMade(queue_id="0123456789B", notice_id=notices[0].message.queue_id, kind="failed", recipients=2)
    ]


@pytest.mark.parametrize(
    ("notify", "outcome", "action"),
    [
        (Notify.DEFAULT, GONE, Action.FAILED),
        (Notify.FAILURE, GONE, Action.FAILED),
        (Notify.SUCCESS | Notify.FAILURE, GONE, Action.FAILED),
        (Notify.NEVER, GONE, None),
        (Notify.SUCCESS, GONE, None),
        (Notify.DELAY, GONE, None),
        (Notify.DEFAULT, TAKEN, None),
        (Notify.FAILURE, TAKEN, None),
        (Notify.NEVER, TAKEN, None),
        (Notify.SUCCESS, TAKEN, Action.RELAYED),
        (Notify.SUCCESS, replace(TAKEN, is_final=True), Action.DELIVERED),
        (Notify.SUCCESS, replace(TAKEN, is_final=True, is_expanded=True), Action.EXPANDED),
        (Notify.SUCCESS, replace(TAKEN, passed_dsn=True), None),
        (Notify.SUCCESS, WAITING, None),
    ],
)
def test_a65_notify_decides_what_is_told(
    world: World, notify: Notify, outcome: Outcome, action: Action | None
) -> None:
    message = mail(notify)
    made = world.notices(message, [(0, outcome)])
    assert actions(made) == ([action] if action else [])
    assert world.writer.is_owed(message, [(0, outcome)]) or not made


def test_what_fails_behind_a_list_is_told_to_its_owner_who_knows_no_wishes(world: World) -> None:
    """RFC 5321 §3.9.2, RFC 3461 §5.2.7.1."""
    owner = Address("owner-news", "example.org")
    plain = mail(*[Notify.DEFAULT] * 3, ret=Ret.HDRS, is_local=True)
    recipients = plain.envelope.recipients
    members = (recipients[0], *(replace(one, returns_to=owner) for one in recipients[1:]))
    message = replace(plain, envelope=replace(plain.envelope, recipients=members))
    to_sender, to_owner = world.notices(message, [(0, GONE), (1, GONE), (2, GONE)])
    for notice, address, envid, indexes in ((to_sender, SENDER, "ENV1", [0]), (to_owner, owner, "", [1, 2])):
        (to,) = notice.message.envelope.recipients
        assert (to.forward_path, told(notice).envid) == (address, envid)
        assert [one.final_recipient for one in told(notice).recipients] == [
            f"rfc822;user{index}@example.org" for index in indexes
        ]
    assert b"Body text" not in to_sender.content
    assert b"Body text" in to_owner.content
    delayed = world.notices(message, [(0, WAITING), (1, WAITING)], delayed=[0, 1])
    assert [one.message.envelope.recipients[0].forward_path for one in delayed] == [SENDER]


def test_nothing_is_owed_for_what_simply_arrives(world: World) -> None:
    assert not world.writer.is_owed(mail(), [(0, TAKEN)])
    assert not world.writer.is_owed(mail(Notify.SUCCESS), [(0, replace(TAKEN, passed_dsn=True))])
    assert not world.writer.is_owed(mail(Notify.SUCCESS, sender=None), [(0, TAKEN)])
    assert not world.writer.is_owed(mail(), [(0, WAITING)])


def test_a_failure_that_nobody_wants_to_hear_of_is_an_event(world: World) -> None:
    assert world.notices(mail(Notify.NEVER), [(0, GONE)]) == ()
    assert world.events == [NoticeSuppressed(queue_id="0123456789B", reason="NOTIFY", recipients=1)]


@pytest.mark.parametrize(
    ("kind", "is_local", "notify", "is_told"),
    [
        ("local", True, Notify.DEFAULT, True),
        ("local", False, Notify.DEFAULT, False),
        ("local", False, Notify.DELAY, True),
        ("local", True, Notify.FAILURE, False),
        ("local", True, Notify.NEVER, False),
        ("all", False, Notify.DEFAULT, True),
        ("none", True, Notify.DEFAULT, False),
        ("none", True, Notify.DELAY | Notify.FAILURE, True),
    ],
)
def test_a_delay_is_told_to_who_asked_and_by_default_to_our_own(
    kind: str, is_local: bool, notify: Notify, is_told: bool
) -> None:
    world = World(ReportSettings.model_validate({"delay_notices": kind}))
    made = world.notices(mail(notify, is_local=is_local), [], delayed=[0])
    assert actions(made) == ([Action.DELAYED] if is_told else [])


def test_a_delay_says_until_when_and_why(world: World) -> None:
    (notice,) = world.notices(mail(Notify.DELAY), [(0, WAITING)], delayed=[0])
    (one,) = told(notice).recipients
    assert (one.status, one.diagnostic) == ("4.7.1", "451 4.7.1 Greylisted")
    assert one.will_retry_until_us == NOW + 86_400 * SECOND_US
    assert b"Body text" not in notice.content
    (bare,) = world.notices(mail(Notify.DELAY), [], delayed=[0])
    assert told(bare).recipients[0].status == "4.0.0"


@pytest.mark.parametrize(("enhanced", "status"), [("5.7.1", "4.7.1"), ("", "4.0.0")])
def test_a_delay_has_a_status_of_class_4_though_the_greeting_said_never(
    world: World, enhanced: str, status: str
) -> None:
    refused = Deferred(Blame.HOST, Reply(554, enhanced, "Go away"), "mail.example.org")
    (notice,) = world.notices(mail(Notify.DELAY), [(0, refused)], delayed=[0])
    assert told(notice).recipients[0].status == status
    assert b"554" in notice.content


def test_different_ends_are_different_notices(world: World) -> None:
    every = Notify.SUCCESS | Notify.FAILURE | Notify.DELAY
    made = world.notices(
        mail(*[every] * 4), [(0, TAKEN), (1, GONE), (2, replace(TAKEN, is_final=True))], delayed=[3]
    )
    assert [[one.action for one in told(notice).recipients] for notice in made] == [
        [Action.FAILED],
        [Action.DELAYED],
        [Action.RELAYED, Action.DELIVERED],
    ]
    assert len({notice.message.queue_id for notice in made}) == 3


def test_a65_ret_decides_how_much_comes_back(world: World) -> None:
    for ret, is_full in ((None, True), (Ret.FULL, True), (Ret.HDRS, False)):
        (notice,) = world.notices(mail(ret=ret), [(0, GONE)])
        assert (b"Body text" in notice.content) is is_full
        assert b"\r\nSubject: Hello\r\n" in notice.content
    (success,) = world.notices(mail(Notify.SUCCESS, ret=Ret.FULL), [(0, TAKEN)])
    assert b"Body text" not in success.content


@pytest.mark.parametrize("size", [51 * 1024, SMALL_BYTES + 1])
def test_a65_a_long_original_comes_back_as_its_header(world: World, size: int) -> None:
    (notice,) = world.notices(mail(), [(0, GONE)], StoredContent(CONTENT + b"x\r\n" * (size // 3)))
    assert b"\r\nSubject: Hello\r\n" in notice.content
    assert b"Body text" not in notice.content
    assert len(notice.content) < 4000


def test_an_original_in_a_file_is_read(world: World) -> None:
    (notice,) = world.notices(mail(), [(0, GONE)], StoredContent(CONTENT, in_file=True))
    assert CONTENT in notice.content


def test_a_damaged_original_does_not_keep_the_sender_from_hearing(world: World) -> None:
    (notice,) = world.notices(mail(), [(0, GONE)], StoredContent(CONTENT, trouble=StoreTrouble.DAMAGED))
    assert actions([notice]) == [Action.FAILED]
    with pytest.raises(StoreError):
        world.notices(mail(), [(0, GONE)], StoredContent(CONTENT, trouble=StoreTrouble.FAILED))


def test_what_we_say_ourselves_is_not_laid_into_the_peers_mouth(world: World) -> None:
    (notice,) = world.notices(mail(), [(0, Failed(Blame.HOST, say.EXPIRED, "mail.example.org"))])
    (one,) = told(notice).recipients
    assert one.remote_mta == ""
    assert one.diagnostic == "554 5.4.7 Not delivered within the time allowed (tried last: mail.example.org)"


@pytest.mark.parametrize(("code", "status"), [(550, "5.0.0"), (451, "4.0.0")])
def test_a_hop_without_enhanced_codes_gets_a_plain_status(world: World, code: int, status: str) -> None:
    (notice,) = world.notices(mail(), [(0, Failed(Blame.RECIPIENT, Reply(code, "", "no"), "h"))])
    assert told(notice).recipients[0].status == status


def test_a63_the_null_reverse_path_is_never_answered(world: World) -> None:
    assert world.notices(mail(Notify.SUCCESS | Notify.FAILURE, sender=None), [(0, GONE)], delayed=[0]) == ()
    assert world.events == [
        NoticeSuppressed(queue_id="0123456789B", reason="null reverse-path", recipients=1)
    ]


def test_a63_a_notice_that_fails_goes_to_the_postmaster_once(world: World) -> None:
    (double,) = world.notices(mail(sender=None, is_notice=True), [(0, GONE)])
    assert double.message.is_notice
    assert double.message.envelope == Envelope(None, (Recipient(POSTMASTER, Notify.NEVER),))
    assert b"You get this as its postmaster" in double.content
    assert world.events[0] == DoubleBounce(queue_id="0123456789B", to="postmaster@example.org")
    assert world.notices(double.message, [(0, GONE)]) == ()
    assert world.events[-1] == DoubleBounce(queue_id=double.message.queue_id)


def test_a63_without_a_postmaster_a_notice_that_fails_is_dropped_with_an_event() -> None:
    world = World(ReportSettings())
    message = mail(sender=None, is_notice=True)
    assert world.writer.is_owed(message, [(0, GONE)])
    assert world.notices(message, [(0, GONE)]) == ()
    assert world.events == [DoubleBounce(queue_id="0123456789B")]


def test_a_notice_that_arrives_or_waits_is_nothing_to_tell(world: World) -> None:
    assert world.notices(mail(sender=None, is_notice=True), [(0, TAKEN)], delayed=[0]) == ()
    assert world.events == []


def test_a65_an_international_sender_gets_an_international_notice(world: World) -> None:
    sender = Address("jürgen", "example.com")
    message = mail(sender=sender)
    message = replace(message, envelope=replace(message.envelope, smtputf8=True))
    original = StoredContent("Subject: Grüße\r\n\r\nÄ\r\n".encode())
    (notice,) = world.notices(message, [(0, GONE)], original)
    envelope = notice.message.envelope
    assert (envelope.smtputf8, envelope.body, notice.message.has_8bit) == (True, Body.EIGHT_BIT, True)
    assert b"Content-Type: message/global\r\n" in notice.content
    (plain,) = world.notices(
        replace(message, envelope=replace(message.envelope, reverse_path=SENDER)), [(0, GONE)], original
    )
    assert (plain.message.envelope.smtputf8, plain.message.envelope.body) == (False, Body.EIGHT_BIT)


def test_a65_a_thousand_talkative_recipients_make_notices_that_the_spool_takes(world: World) -> None:
    loud = Failed(Blame.RECIPIENT, Reply(550, "5.7.1", "\n".join(["no " * 100] * 20)), "mail.example.org")
    made = world.notices(mail(*[Notify.DEFAULT] * 1000), [(n, loud) for n in range(1000)])
    assert all(len(notice.content) <= SMALL_BYTES for notice in made)
    assert len(actions(made)) == 1000
    assert len({notice.message.queue_id for notice in made}) == len(made)


def test_even_the_worst_notice_about_one_recipient_is_small_enough() -> None:
    world = World(ReportSettings(return_limit=128 * 1024))
    loud = Failed(Blame.RECIPIENT, Reply(550, "5.7.1", "\U0001f4a9" * 5000), "\U0001f4a9" * 5000)
    for content in (b"X: \xff\r\n" * 30_000, b"\xff" * 128 * 1024):
        message = replace(mail(), envelope=replace(mail().envelope, smtputf8=True))
        (notice,) = world.notices(message, [(0, loud)], StoredContent(content))
        assert len(notice.content) <= SMALL_BYTES


@given(st.text(max_size=400), st.binary(max_size=200), st.booleans())
def test_a78_a65_whatever_a_peer_said_the_notice_is_well_formed(
    text: str, original: bytes, smtputf8: bool
) -> None:
    world = World(ReportSettings())
    message = mail()
    message = replace(message, envelope=replace(message.envelope, smtputf8=smtputf8))
    outcome = Failed(Blame.RECIPIENT, Reply(550, "5.1.1", text), text)
    (notice,) = world.notices(message, [(0, outcome)], StoredContent(original))
    content = notice.content
    assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert actions([notice]) == [Action.FAILED]
    assert not BytesParser(policy=compat32).parsebytes(content).defects


@pytest.mark.parametrize(
    "wrong",
    [
        {"postmaster": "nobody"},
        {"from_name": "Zoë"},
        {"from_name": ""},
        {"return_limit": "1 MB"},
        {"delay_notices": "some"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ReportSettings.model_validate(wrong)


def test_settings_are_read_as_people_write_them() -> None:
    settings = ReportSettings.model_validate({"postmaster": "Post@EXAMPLE.org", "return_limit": "20 KiB"})
    assert (settings.postmaster, settings.return_limit) == ("Post@example.org", 20 * 1024)


def test_a_sender_that_is_an_alias_of_ours_is_told_where_his_mail_goes(world: World) -> None:
    ann, bob = Address("ann", "example.org"), Address("bob", "example.net")
    world.aliases[SENDER] = (Recipient(ann), Recipient(bob), Recipient(ann, target="|/bin/cat"))
    (notice,) = world.notices(mail(), [(0, GONE)])
    assert notice.message.envelope.recipients == world.aliases[SENDER]
    assert [(item.destination, [one.index for one in item.pending]) for item in notice.items] == [
        ("mx:example.org", [0]),
        ("mx:example.net", [1]),
        ("agent:|/bin/cat", [2]),
    ]
    assert b"\r\nTo: <sender@example.com>\r\n" in notice.content


def test_a63_a_double_bounce_is_known_again_whoever_reads_the_postmasters_mail(world: World) -> None:
    reader = Recipient(Address("root", "example.net"), Notify.NEVER, "rfc822;postmaster@example.org")
    world.aliases[POSTMASTER] = (reader,)
    (double,) = world.notices(mail(sender=None, is_notice=True), [(0, GONE)])
    assert double.message.envelope.recipients == (reader,)
    assert world.notices(double.message, [(0, GONE)]) == ()
    assert world.events[-1] == DoubleBounce(queue_id=double.message.queue_id)
