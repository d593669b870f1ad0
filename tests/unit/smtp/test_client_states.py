"""The order table, swept: every state with every step."""

import pytest

from mailrail.model import LocalProtocolError, RemoteProtocolError
from mailrail.smtp.client import ClientConnection
from mailrail.smtp.client_states import NEXT, State, Step

INTENTS = {
    Step.SAY_HELLO: lambda client: client.hello("client.example"),
    Step.SAY_STARTTLS: lambda client: client.starttls(),
    Step.TLS_UP: lambda client: client.tls_up(),
    Step.SAY_AUTH: lambda client: client.auth("LOGIN", None),
    Step.RESPOND: lambda client: client.respond(b""),
    Step.CANCEL: lambda client: client.cancel_auth(),
    Step.SAY_RSET: lambda client: client.reset(),
    Step.SAY_QUIT: lambda client: client.quit(),
}


@pytest.mark.parametrize("state", State)
def test_every_session_can_be_closed(state: State) -> None:
    assert NEXT[state][Step.CLOSE] is State.OVER


@pytest.mark.parametrize("step", INTENTS)
@pytest.mark.parametrize("state", State)
def test_an_intent_out_of_order_sends_nothing(state: State, step: Step) -> None:
    client = ClientConnection()
    client.state = state
    if step in NEXT[state]:
        INTENTS[step](client)
        assert client.state is NEXT[state][step]
        return
    with pytest.raises(LocalProtocolError):
        INTENTS[step](client)
    assert client.state is state
    assert client.data_to_send() == b""


@pytest.mark.parametrize("state", State)
def test_every_state_is_reached_and_every_other_than_over_is_left(state: State) -> None:
    targets = {target for row in NEXT.values() for target in row.values()}
    assert state in targets | {State.GREETING, State.OVER}
    assert NEXT[state] or state is State.OVER


@pytest.mark.parametrize("state", [state for state in State if state is not State.OVER])
def test_bytes_that_answer_nothing_never_pass(state: State) -> None:
    """A58."""
    client = ClientConnection()
    client._ledger.clear()
    client.state = state

    def surprise() -> None:
        client.receive(b"250 surprise\r\n")
        client.next_event()

    with pytest.raises(RemoteProtocolError):
        surprise()
    assert client.state is State.OVER
    client.receive(b"250 more\r\n")
    assert client.next_event() is None
