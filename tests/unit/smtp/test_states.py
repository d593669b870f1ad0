"""The table of the server role, swept: every state with every step."""

import itertools

import pytest

from mailrail.smtp.states import NEXT, Accepted, State, allows

A, S = Accepted, State


@pytest.mark.parametrize(("state", "step"), list(itertools.product(State, Accepted)))
def test_every_step_leads_to_a_state_of_the_table_or_is_out_of_order(state: State, step: Accepted) -> None:
    assert allows(state, step) is (step in NEXT[state])
    assert NEXT[state].get(step, State.OVER) in NEXT


def test_every_session_can_end_and_none_goes_on_after_that() -> None:
    assert all(NEXT[state][A.QUIT] is S.OVER for state in State if state is not S.OVER)
    assert NEXT[S.OVER] == {}


def test_a22_a23_content_comes_only_behind_a_recipient_and_that_behind_a_sender() -> None:
    assert {state for state in State if allows(state, A.DATA)} == {S.RCPT}
    assert {state for state in State if allows(state, A.CHUNK)} == {S.RCPT, S.CHUNKS}
    assert {state for state in State if allows(state, A.RCPT)} == {S.MAIL, S.RCPT}
    assert {state for state in State if allows(state, A.MAIL)} == {S.IDLE}


def test_a9_tls_and_login_come_before_mail() -> None:
    assert {state for state in State if allows(state, A.STARTTLS)} == {S.GREETED, S.IDLE}
    assert {state for state in State if allows(state, A.AUTH)} == {S.IDLE}
    assert NEXT[S.HANDSHAKE][A.TLS_UP] is S.GREETED


def test_every_state_is_reached_from_the_beginning() -> None:
    seen, new = {S.FRESH}, {S.FRESH}
    while new:
        new = {after for state in new for after in NEXT[state].values()} - seen
        seen |= new
    assert seen == set(State)
