import pytest

from mailrail.model import LocalProtocolError, RemoteProtocolError
from mailrail.sasl import Login, Plain, choose


def test_plain_says_everything_at_once() -> None:
    assert Plain("ann", "sécret").start() == b"\0ann\0s\xc3\xa9cret"


def test_plain_repeats_itself_to_a_server_that_asks_with_nothing() -> None:
    plain = Plain("ann", "secret")
    assert plain.start() == plain.step(b"")


def test_plain_does_not_repeat_itself_for_ever() -> None:
    plain = Plain("ann", "secret")
    plain.step(b"")
    with pytest.raises(RemoteProtocolError):
        plain.step(b"")


def test_plain_takes_no_real_challenge() -> None:
    with pytest.raises(RemoteProtocolError):
        Plain("ann", "secret").step(b"nonce")


@pytest.mark.parametrize(("user", "password"), [("", "x"), ("x", ""), ("a\0b", "x"), ("a", "x\0y")])
def test_plain_refuses_what_it_cannot_carry(user: str, password: str) -> None:
    with pytest.raises(LocalProtocolError):
        Plain(user, password)


def test_login_answers_two_prompts_and_no_third() -> None:
    login = Login("ann", "secret")
    assert login.start() is None
    assert login.step(b"Benutzer:") == b"ann"
    assert login.step(b"") == b"secret"
    with pytest.raises(RemoteProtocolError):
        login.step(b"once more")


@pytest.mark.parametrize(
    ("offered", "name"),
    [(("LOGIN", "PLAIN"), "PLAIN"), (("LOGIN",), "LOGIN"), (("GSSAPI",), None), ((), None)],
)
def test_the_best_offered_mechanism_is_chosen(offered: tuple[str, ...], name: str | None) -> None:
    mechanism = choose(offered, "ann", "secret")
    assert (mechanism.name if mechanism else None) == name
