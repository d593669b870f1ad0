"""The one table from replies and errors to outcomes."""

import pytest

from mailrail.client import SessionFailed, SessionRefused
from mailrail.delivery import classify
from mailrail.model import Blame, Deferred, Delivered, Failed, NetTrouble, Reply
from mailrail.smtp import Extensions, Stage

HOST = "mx.example.org"


@pytest.mark.parametrize(
    ("stage", "code", "enhanced", "kind", "blame"),
    [
        (Stage.MAIL, 550, "5.1.8", Failed, Blame.MESSAGE),
        (Stage.MAIL, 451, "4.7.1", Deferred, Blame.MESSAGE),
        (Stage.MAIL, 452, "4.3.1", Deferred, Blame.HOST),
        (Stage.MAIL, 421, "4.3.2", Deferred, Blame.HOST),
        (Stage.MAIL, 552, "5.3.4", Failed, Blame.MESSAGE),
        (Stage.RCPT, 550, "5.1.1", Failed, Blame.RECIPIENT),
        (Stage.RCPT, 450, "4.2.0", Deferred, Blame.RECIPIENT),
        (Stage.RCPT, 451, "4.3.0", Deferred, Blame.RECIPIENT),
        (Stage.RCPT, 421, "", Deferred, Blame.HOST),
        (Stage.RCPT, 452, "4.5.3", Deferred, Blame.RECIPIENT),
        (Stage.RCPT, 552, "", Deferred, Blame.RECIPIENT),
        (Stage.RCPT, 552, "5.5.3", Deferred, Blame.RECIPIENT),
        (Stage.RCPT, 552, "5.2.2", Failed, Blame.RECIPIENT),
        (Stage.RCPT, 556, "5.1.10", Failed, Blame.RECIPIENT),
        (Stage.DATA, 554, "5.5.1", Failed, Blame.MESSAGE),
        (Stage.DATA, 451, "4.4.0", Deferred, Blame.HOST),
        (Stage.CONTENT, 552, "5.3.4", Failed, Blame.MESSAGE),
        (Stage.END, 554, "5.7.1", Failed, Blame.MESSAGE),
        (Stage.END, 552, "", Failed, Blame.MESSAGE),
        (Stage.END, 451, "4.3.0", Deferred, Blame.HOST),
        (Stage.END, 450, "", Deferred, Blame.MESSAGE),
        (Stage.END, 421, "4.4.2", Deferred, Blame.HOST),
    ],
)
def test_the_first_digit_decides_whether_and_the_stage_decides_who(
    stage: Stage, code: int, enhanced: str, kind: type, blame: Blame
) -> None:
    """A58, A60: 421 anywhere is for the host; 552 to RCPT without more is 452."""
    outcome = classify.from_reply(Reply(code, enhanced, "words"), stage, HOST)
    assert (type(outcome), outcome.blame, outcome.host) == (kind, blame, HOST)


@pytest.mark.parametrize("code", range(400, 500))
def test_a61_a_4yz_never_fails_anybody(code: int) -> None:
    for stage in Stage:
        assert isinstance(classify.from_reply(Reply(code, "", ""), stage, HOST), Deferred)
        refused = SessionRefused(stage, Reply(code, "", ""))
        assert isinstance(classify.from_session_error(refused, HOST), Deferred)


@pytest.mark.parametrize(
    ("stage", "code", "kind", "blame"),
    [
        (Stage.GREETING, 554, Deferred, Blame.HOST),
        (Stage.GREETING, 421, Deferred, Blame.HOST),
        (Stage.GREETING, 521, Failed, Blame.HOST),
        (Stage.HELLO, 550, Deferred, Blame.HOST),
        (Stage.TLS, 454, Deferred, Blame.HOST),
        (Stage.AUTH, 535, Deferred, Blame.OURSELVES),
        (Stage.AUTH, 504, Deferred, Blame.OURSELVES),
    ],
)
def test_a_session_that_is_refused_is_the_hosts_matter_and_a_login_is_ours(
    stage: Stage, code: int, kind: type, blame: Blame
) -> None:
    outcome = classify.from_session_error(SessionRefused(stage, Reply(code, "", "no")), HOST)
    assert (type(outcome), outcome.blame) == (kind, blame)
    if isinstance(outcome, Deferred) and stage in (Stage.AUTH, Stage.TLS):
        assert outcome.reply.is_temporary, "what is told as a delay has a 4yz"


@pytest.mark.parametrize(
    ("stage", "trouble", "blame", "enhanced"),
    [
        (Stage.CONNECT, NetTrouble.REFUSED, Blame.HOST, "4.4.1"),
        (Stage.CONNECT, NetTrouble.TIMEOUT, Blame.HOST, "4.4.1"),
        (Stage.CONNECT, NetTrouble.EXHAUSTED, Blame.OURSELVES, "4.3.2"),
        (Stage.GREETING, NetTrouble.TIMEOUT, Blame.HOST, "4.4.2"),
        (Stage.TLS, NetTrouble.TLS, Blame.HOST, "4.7.5"),
        (Stage.RCPT, None, Blame.HOST, "4.5.0"),
        (Stage.END, NetTrouble.RESET, Blame.HOST, "4.4.2"),
    ],
)
def test_a_lost_session_defers_with_what_was_lost(
    stage: Stage, trouble: NetTrouble | None, blame: Blame, enhanced: str
) -> None:
    """A58, A73, A75."""
    outcome = classify.from_failure(SessionFailed(stage, trouble, "lost"), HOST)
    assert (outcome.blame, outcome.reply.enhanced_code) == (blame, enhanced)
    assert "lost" in outcome.reply.text
    assert outcome.reply.source, "it is we who say it, not the host"


def test_a59_a_session_lost_after_the_dot_may_have_delivered() -> None:
    assert classify.may_have_arrived(SessionFailed(Stage.END, NetTrouble.RESET, ""))
    assert not classify.may_have_arrived(SessionFailed(Stage.CONTENT, NetTrouble.RESET, ""))


def test_each_recipient_gets_the_outcome_of_its_own_reply() -> None:
    """A60."""
    ok, never, lost = (
        Reply(250, "2.0.0", "Ok"),
        Reply(550, "5.1.1", "No"),
        Deferred(Blame.HOST, Reply(451, "", "")),
    )
    outcomes = classify.from_replies(
        [ok, never, None], [Stage.END, Stage.RCPT, Stage.RCPT], HOST, Extensions(frozenset({"DSN"})),
        is_final=False, lost=lost,
    )  # fmt: skip
    assert outcomes == [Delivered(ok, HOST, passed_dsn=True), Failed(Blame.RECIPIENT, never, HOST), lost]
