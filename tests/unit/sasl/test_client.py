import pytest

from mailrail.model import LocalProtocolError, Login, RemoteProtocolError
from mailrail.sasl import ClientFacts, choose
from mailrail.sasl.client import Login as LoginMechanism
from mailrail.sasl.client import Plain
from mailrail.sasl.client_scram import ScramClient


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


def test_a58_scram_does_not_repeat_itself_for_ever() -> None:
    scram = ScramClient("SCRAM-SHA-256", "ann", "secret", nonce="n" * 24, binding=None, saw_plus=False)
    assert scram.step(b"") == scram.start()
    with pytest.raises(RemoteProtocolError):
        scram.step(b"")


def test_plain_takes_no_real_challenge() -> None:
    with pytest.raises(RemoteProtocolError):
        Plain("ann", "secret").step(b"nonce")


@pytest.mark.parametrize(("user", "password"), [("", "x"), ("x", ""), ("a\0b", "x"), ("a", "x\0y")])
def test_plain_refuses_what_it_cannot_carry(user: str, password: str) -> None:
    with pytest.raises(LocalProtocolError):
        Plain(user, password)


def test_login_answers_two_prompts_and_no_third() -> None:
    login = LoginMechanism("ann", "secret")
    assert login.start() is None
    assert login.step(b"Benutzer:") == b"ann"
    assert login.step(b"") == b"secret"
    with pytest.raises(RemoteProtocolError):
        login.step(b"once more")


PASSWORD = Login("ann", "secret")
TOKEN = Login("ann", token="t")
EVERY = (
    "LOGIN",
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
    "OAUTHBEARER",
    "XOAUTH2",
    "EXTERNAL",
)


@pytest.mark.parametrize(
    ("offered", "login", "binding", "name"),
    [
        (EVERY, PASSWORD, b"hash", "SCRAM-SHA-256-PLUS"),
        (EVERY, PASSWORD, None, "SCRAM-SHA-256"),
        (("SCRAM-SHA-1", "PLAIN"), PASSWORD, None, "SCRAM-SHA-1"),
        (("LOGIN", "PLAIN"), PASSWORD, b"hash", "PLAIN"),
        (("LOGIN",), PASSWORD, None, "LOGIN"),
        (("GSSAPI",), PASSWORD, None, None),
        ((), PASSWORD, None, None),
        (EVERY, TOKEN, b"hash", "OAUTHBEARER"),
        (("PLAIN", "XOAUTH2"), TOKEN, None, "XOAUTH2"),
        (("PLAIN",), TOKEN, None, None),
        (("OAUTHBEARER",), PASSWORD, None, None),
        (EVERY, Login("", mechanisms=("EXTERNAL",)), None, "EXTERNAL"),
        (EVERY, Login("ann", "secret", mechanisms=("LOGIN", "PLAIN")), b"hash", "PLAIN"),
        (("PLAIN",), Login("ann", "secret", mechanisms=("SCRAM-SHA-256",)), None, None),
        (EVERY, Login("ann", "\U0001f511"), None, "PLAIN"),  # SASLprep stops at Unicode 3.2
    ],
)
def test_the_strongest_mechanism_that_fits_is_chosen(
    offered: tuple[str, ...], login: Login, binding: bytes | None, name: str | None
) -> None:
    facts = ClientFacts(host="h", port=587, binding=binding, nonce="x" * 16)
    mechanism = choose(offered, login, facts)
    assert (mechanism.name if mechanism else None) == name


def test_a_login_shows_no_secret() -> None:
    assert "secret" not in repr(Login("ann", "secret", "secret"))
