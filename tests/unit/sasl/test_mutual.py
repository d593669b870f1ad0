"""Both roles, against each other: who knows the secret gets in, and nobody else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sasl.talk import Store, client_of, server_of, talk

from mailrail.model import LocalProtocolError, Login, RemoteProtocolError
from mailrail.sasl import (
    SERVER_MECHANISMS,
    Failure,
    FindKeys,
    PreparationError,
    Success,
    opaque_string,
    saslprep,
    username_case_preserved,
)

BINDING = b"hash of the certificate"
names = st.text(min_size=1, max_size=30) | st.sampled_from(["a=b,c", "=2C", "ann@example.org"])
secrets = st.text(min_size=1, max_size=30) | st.sampled_from(["a,b=c", "p=w,v=1"])
tokens = st.from_regex(r"[A-Za-z0-9._~+/-]{1,60}=*", fullmatch=True)


def is_prepared(user: str, secret: str) -> bool:
    """Tell whether both stand in the form that every mechanism leaves alone."""
    try:
        return (
            username_case_preserved(user) == user == saslprep(user)
            and opaque_string(secret) == secret
            and bool(saslprep(secret, is_stored=True))
        )
    except PreparationError:
        return False


def login_for(name: str, user: str, secret: str) -> Login:
    if name in ("OAUTHBEARER", "XOAUTH2"):
        return Login(user, token=secret)
    return Login(user, "" if name == "EXTERNAL" else secret)


@pytest.mark.parametrize("name", SERVER_MECHANISMS)
@settings(deadline=None, max_examples=40)
@given(user=names, secret=secrets, token=tokens)
def test_who_knows_the_secret_gets_in(name: str, user: str, secret: str, token: str) -> None:
    secret = token if name in ("OAUTHBEARER", "XOAUTH2") else secret
    if not is_prepared(user, secret):
        return
    client = client_of(name, login_for(name, user, secret), binding=BINDING)
    result = talk(client, server_of(name, binding=BINDING), Store(user, secret))
    assert isinstance(result, Success)
    assert result.user == user
    assert client.is_complete


@pytest.mark.parametrize("name", SERVER_MECHANISMS)
@pytest.mark.parametrize("login", [("ann", "wrong"), ("nobody", "secret")])
def test_who_does_not_know_it_does_not(name: str, login: tuple[str, str]) -> None:
    if name == "EXTERNAL" and login[0] == "ann":
        return
    client = client_of(name, login_for(name, *login), binding=BINDING)
    result = talk(client, server_of(name, binding=BINDING), Store("ann", "secret"))
    assert isinstance(result, Failure)
    assert "SCRAM" not in name or not client.is_complete


@pytest.mark.parametrize("name", ["PLAIN", "OAUTHBEARER", "XOAUTH2", "EXTERNAL", "SCRAM-SHA-256", "LOGIN"])
def test_an_initial_response_may_come_in_the_second_round(name: str) -> None:
    client = client_of(name, login_for(name, "ann", "secret"))
    first, server = client.start(), server_of(name)
    challenge = server.step(None)
    assert isinstance(challenge, type(server_of(name).step(None)))
    step = server.step(client.step(challenge.data if hasattr(challenge, "data") else b""))
    assert not isinstance(step, Failure)
    if first is not None:
        assert type(step) is type(server_of(name).step(first))


# --- A36: the lies that SCRAM is made against ---------------------------------------------------


def test_a_user_that_does_not_exist_is_challenged_like_any_other() -> None:
    first = client_of("SCRAM-SHA-256", Login("nobody", "x")).start()
    said = []
    for _ in range(2):
        server = server_of("SCRAM-SHA-256")
        assert server.step(first) == FindKeys("nobody", "sha256")
        said.append(server.tell(None))
    assert said[0] == said[1]
    real, fake = server_of("SCRAM-SHA-256"), server_of("SCRAM-SHA-256")
    wrong = talk(client_of("SCRAM-SHA-256", Login("ann", "x")), real, Store("ann", "secret"))
    none = talk(client_of("SCRAM-SHA-256", Login("nobody", "x")), fake, Store("ann", "secret"))
    assert wrong == none == Failure("wrong password or no such user")


def test_nobody_in_the_middle_takes_plus_out_of_the_list_unseen() -> None:
    login = Login("ann", "secret")
    client = client_of("SCRAM-SHA-256", login, binding=BINDING)  # sees no -PLUS, so says "y"
    server = server_of("SCRAM-SHA-256", offered=("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"), binding=BINDING)
    result = talk(client, server, Store("ann", "secret"))
    assert result == Failure("the client saw no -PLUS, and it was offered")


def test_a_client_that_is_told_not_to_use_plus_does_not_claim_that_there_was_none() -> None:
    offered = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")
    client = client_of("SCRAM-SHA-256", Login("ann", "secret"), offered=offered, binding=BINDING)
    server = server_of("SCRAM-SHA-256", offered=offered, binding=BINDING)
    assert isinstance(talk(client, server, Store("ann", "secret")), Success)


def test_a_client_without_a_binding_gets_in_where_plus_is_offered() -> None:
    server = server_of("SCRAM-SHA-256", offered=("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"), binding=BINDING)
    assert isinstance(talk(client_of("SCRAM-SHA-256", Login("ann", "s")), server, Store("ann", "s")), Success)


def test_a_binding_to_another_certificate_is_refused() -> None:
    client = client_of("SCRAM-SHA-256-PLUS", Login("ann", "secret"), binding=b"the attacker's certificate")
    result = talk(client, server_of("SCRAM-SHA-256-PLUS", binding=BINDING), Store("ann", "secret"))
    assert result == Failure("another binding than ours")


def test_a_changed_flag_does_not_fit_the_signed_header() -> None:
    client = client_of("SCRAM-SHA-256", Login("ann", "secret"), binding=BINDING)
    first = client.start()
    assert first is not None
    server = server_of("SCRAM-SHA-256")
    server.step(b"n" + first[1:])  # was "y"
    challenge = server.tell(Store("ann", "secret").answer(FindKeys("ann", "sha256")))
    assert hasattr(challenge, "data")
    assert server.step(client.step(challenge.data)) == Failure("another binding than ours")


def test_plus_is_impossible_without_a_binding() -> None:
    with pytest.raises(AssertionError):
        server_of("SCRAM-SHA-256-PLUS")
    with pytest.raises(AssertionError):
        client_of("SCRAM-SHA-256-PLUS", Login("ann", "secret"))


# --- what a client believes -------------------------------------------------------------------


CLIENT, SERVER = "client+nonce+123", "server/nonce/456"


@pytest.mark.parametrize(
    "challenge",
    [
        f"r={CLIENT}{SERVER},s=c2FsdA==,i=4095",
        f"r={CLIENT}{SERVER},s=c2FsdA==,i=600001",
        f"r={CLIENT}{SERVER},s=c2FsdA==,i=99999999999999999999",
        f"r={CLIENT}{SERVER},s=c2FsdA==,i=04096",
        f"r={CLIENT}{SERVER},s=c2FsdA==,i=-4096",
        f"r={CLIENT}{SERVER},s=c2FsdA==,i=\u0664\u0660\u0669\u0666",
        f"r={CLIENT}{SERVER},s=,i=4096",
        f"r={CLIENT}{SERVER},s=c2FsdA=,i=4096",
        f"r={CLIENT}{SERVER},s=c2FsdB==,i=4096",
        f"r={CLIENT}{SERVER},i=4096,s=c2FsdA==",
        f"r={CLIENT}{SERVER},s=c2FsdA==",
        f"r={CLIENT},s=c2FsdA==,i=4096",
        f"r={CLIENT[:-1]}{SERVER},s=c2FsdA==,i=4096",
        f"r={SERVER}{CLIENT},s=c2FsdA==,i=4096",
        f"r={CLIENT}{'x' * 300},s=c2FsdA==,i=4096",
        f"m=future,r={CLIENT}{SERVER},s=c2FsdA==,i=4096",
        f"r={CLIENT}{SERVER},s=c2FsdA==,i=4096,m=future",
        f"r={CLIENT}{SERVER},s=c2FsdA==,i=4096,i=4097",
        f"r={CLIENT}{SERVER},s=c2FsdA==,i=4096,",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        "x",
        "\0",
    ],
)
def test_a_challenge_out_of_the_grammar_or_bounds_ends_it(challenge: str) -> None:
    client = client_of("SCRAM-SHA-256", Login("ann", "secret"))
    client.start()
    with pytest.raises(RemoteProtocolError):
        client.step(challenge.encode())
    assert not client.is_complete


def test_a_challenge_that_is_no_utf8_ends_it() -> None:
    with pytest.raises(RemoteProtocolError):
        client_of("SCRAM-SHA-256", Login("ann", "secret")).step(b"\xff")


def test_extensions_that_may_be_ignored_are() -> None:
    client = client_of("SCRAM-SHA-256", Login("ann", "secret"))
    assert client.step(f"r={CLIENT}{SERVER},s=c2FsdA==,i=4096,x=y".encode()).startswith(b"c=biws,r=")


@pytest.mark.parametrize(
    "final", [b"v=AAAA", b"v=", b"", b"x=1", b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="]
)
def test_a_server_that_does_not_know_the_keys_is_not_believed(final: bytes) -> None:
    client = client_of("SCRAM-SHA-256", Login("ann", "secret"))
    client.step(f"r={CLIENT}{SERVER},s=c2FsdA==,i=4096".encode())
    with pytest.raises(RemoteProtocolError):
        client.step(final)
    assert not client.is_complete


def test_an_error_of_the_server_is_answered_with_nothing_and_never_a_success() -> None:
    client = client_of("SCRAM-SHA-256", Login("ann", "secret"))
    client.step(f"r={CLIENT}{SERVER},s=c2FsdA==,i=4096".encode())
    assert client.step(b"e=invalid-proof") == b""
    assert not client.is_complete
    with pytest.raises(RemoteProtocolError):
        client.step(b"v=AAAA")


@pytest.mark.parametrize("name", ["OAUTHBEARER", "XOAUTH2", "EXTERNAL", "SCRAM-SHA-256"])
def test_no_client_goes_on_for_ever(name: str) -> None:
    client = client_of(name, login_for(name, "ann", "secret"))

    def go_on() -> None:
        for challenge in (b"", b'{"status": "invalid_token"}', b"e=x", b"more"):
            client.step(challenge)

    with pytest.raises(RemoteProtocolError):
        go_on()


@pytest.mark.parametrize(
    ("name", "user", "secret"),
    [
        ("OAUTHBEARER", "ann\x01auth=Bearer x", "t"),
        ("OAUTHBEARER", "ann", "t\x01"),
        ("OAUTHBEARER", "ann", "a b"),
        ("XOAUTH2", "", "t"),
        ("XOAUTH2", "ann\r\n", "t"),
        ("EXTERNAL", "a\0b", ""),
        ("SCRAM-SHA-256", "a\0b", "x"),
        ("SCRAM-SHA-256", "ann", "\U0001f511"),
        ("SCRAM-SHA-256", "a" * 256, "x"),
    ],
)
def test_credentials_that_cannot_be_carried_are_told_before_anything_is_said(
    name: str, user: str, secret: str
) -> None:
    with pytest.raises(LocalProtocolError):
        client_of(name, login_for(name, user, secret))
