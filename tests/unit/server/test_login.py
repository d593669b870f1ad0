"""AUTH by mechanisms: our client and our server over TLS in memory, and each refusal of RFC 4954 by hand (A33, A34)."""

import asyncio
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import HOST, LOOPBACK, Tls, make_tls

from mailrail import sasl
from mailrail.client import ClientSession, ClientSettings, SessionRefused, SessionTerms
from mailrail.model import LocalProtocolError, Login, Reply, TlsLevel
from mailrail.model import reply as say
from mailrail.net import Endpoint, Identity, ServerContexts, TlsInfo
from mailrail.observe import Bus, Event
from mailrail.sasl import SERVER_MECHANISMS, KeyRecord, derive_keys
from mailrail.server import Answer, AuthExchange, Handler, Port, Server, SessionFacts, Transaction, Verifier
from mailrail.server.events import CommandRefused, SessionFailed
from mailrail.sim import SimClock, simulate

ANN = derive_keys("secret", b"sixteen octets..", 4096)
ANN_SHA1 = derive_keys("secret", b"sixteen octets..", 4096, "sha1")


class Users(Verifier):
    """Knows ann, by whatever name she uses.

    Attributes:
        down: what to answer instead, as a store that is out of order would.
    """

    secret = b"sixteen octets, known to nobody"
    down: Reply | None = None

    async def verify_password(self, user: str, password: str) -> str | Reply:
        await asyncio.sleep(0)
        if self.down is not None:
            return self.down
        return "ann" if (user.lower(), password) == ("ann", "secret") else say.AUTH_FAILED

    async def scram_keys(self, user: str, digest: str) -> KeyRecord | Reply | None:
        if self.down is not None:
            return self.down
        return KeyRecord("ann", ANN if digest == "sha256" else ANN_SHA1) if user.lower() == "ann" else None

    async def verify_token(self, user: str, token: str) -> str | Reply:
        return "ann" if (user, token) == ("ann", "t0ken") else say.AUTH_FAILED

    async def verify_certificate(self, user: str, identity: Identity) -> str | Reply:
        return "ann" if identity.common_name == "ann" and user in ("", "ann") else say.AUTH_FAILED


class Nobody(Verifier):
    """Has written none of the methods."""


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder: Path = tmp_path_factory.mktemp("tls")
    return make_tls(folder)


@dataclass
class Site:
    """A server over the network in memory, whose people are `users`.

    Attributes:
        logins: every exchange that was begun.
        events: what the bus heard.
    """

    tls: Tls
    users: Verifier
    mechanisms: tuple[str, ...] = SERVER_MECHANISMS
    contexts: ServerContexts | None = None

    def __post_init__(self) -> None:
        self.network, self.bus = MemoryNetwork(), Bus()
        self.logins: list[AuthExchange] = []
        self.sessions: list[SessionFacts] = []
        self.events: list[Event] = []
        self.bus.listen(self.events.append)

    def open(self) -> Endpoint:
        site = self

        class Submission(Handler):
            def __init__(self, session: SessionFacts) -> None:
                super().__init__(session)
                site.sessions.append(session)

            def auth(self, mechanism: str, initial: bytes | None) -> Answer:
                self.login = AuthExchange(mechanism, site.users, self.session)
                site.logins.append(self.login)
                return self.login.start(initial)

            def auth_response(self, response: bytes) -> Answer:
                return self.login.step(response)

            def mail(self, transaction: Transaction) -> Answer:
                return say.SENDER_OK if self.session.user else say.AUTH_REQUIRED

        server = Server(
            Submission,
            hostname=HOST,
            tls=self.contexts or self.tls.server,
            network=self.network,
            clock=SimClock(),
            bus=self.bus,
        )
        server.start()
        return server.listen_on(Port(endpoint=LOOPBACK, auth_mechanisms=self.mechanisms))

    def log_in(self, login: Login) -> ClientSession:
        """Open a session and log in.

        Raises:
            SessionRefused: it did not work.
        """

        async def main() -> ClientSession:
            terms = SessionTerms(
                hello_name="client.example",
                tls=TlsLevel.VERIFY,
                context=self.tls.client,
                server_name=HOST,
                login=login,
            )
            return await ClientSession.open(self.network, self.open(), terms, ClientSettings())

        return simulate(main())


BY_NAME = [name for name in SERVER_MECHANISMS if name != "EXTERNAL"]


def login_by(name: str, user: str = "ann", secret: str = "") -> Login:
    if name in sasl.BY_TOKEN:
        return Login(user, token=secret or "t0ken", mechanisms=(name,))
    return Login(user, secret or "secret", mechanisms=(name,))


@pytest.mark.parametrize("name", BY_NAME)
def test_whoever_knows_the_secret_is_logged_in(tls: Tls, name: str) -> None:
    site = Site(tls, Users())
    site.log_in(login_by(name))
    (login,) = site.logins
    assert (login.mechanism, login.claimed, login.failure) == (name, "ann", "")
    assert site.sessions[0].user == "ann"


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("who", ["ann", "nobody"])
def test_whoever_does_not_know_it_hears_the_same_whether_the_user_exists_or_not(
    tls: Tls, name: str, who: str
) -> None:
    site = Site(tls, Users())
    with pytest.raises(SessionRefused) as caught:
        site.log_in(login_by(name, who, "wrong"))
    assert str(caught.value.reply) == "535 5.7.8 Authentication failed"
    assert site.sessions[0].user == ""
    assert site.logins[0].failure
    told = [event for event in site.events if isinstance(event, CommandRefused)]
    assert [event.reply for event in told] == ["535 5.7.8 Authentication failed"]
    assert not any("wrong" in repr(event) for event in site.events)


def test_without_wishes_the_strongest_mechanism_is_used(tls: Tls) -> None:
    site = Site(tls, Users())
    site.log_in(Login("Ann", "secret"))
    assert site.logins[0].mechanism == "SCRAM-SHA-256-PLUS"
    assert (site.logins[0].claimed, site.sessions[0].user) == ("Ann", "ann")


def test_plus_is_not_offered_where_openssl_picks_the_certificate(tls: Tls) -> None:
    unknown = ServerContexts(tls.server.default)
    site = Site(tls, Users(), contexts=unknown)
    site.log_in(Login("ann", "secret"))
    assert site.sessions[0].auth_mechanisms == tuple(n for n in SERVER_MECHANISMS if "PLUS" not in n)
    assert site.logins[0].mechanism == "SCRAM-SHA-256"


def test_a_token_too_long_for_a_command_line_comes_in_the_second_round(tls: Tls) -> None:
    class Tokens(Users):
        async def verify_token(self, user: str, token: str) -> str | Reply:
            return "ann" if token == "x" * 8000 else say.AUTH_FAILED

    site = Site(tls, Tokens())
    site.log_in(Login("ann", token="x" * 8000))
    assert site.logins[0].mechanism == "OAUTHBEARER"


@pytest.mark.parametrize("name", ["PLAIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("reply", [say.AUTH_UNAVAILABLE, say.AUTH_TOO_WEAK])
def test_a_verifier_may_refuse_in_words_of_its_own(tls: Tls, name: str, reply: Reply) -> None:
    users = Users()
    users.down = reply
    with pytest.raises(SessionRefused) as caught:
        Site(tls, users).log_in(login_by(name))
    assert str(caught.value.reply) == str(reply)


@pytest.mark.parametrize("answer", [say.AUTH_DONE, "", None])
def test_a_verifier_that_answers_nonsense_lets_nobody_in(tls: Tls, answer: Reply | str | None) -> None:
    class Nonsense(Users):
        async def verify_password(self, user: str, password: str) -> str | Reply:
            return answer  # type: ignore[return-value]

    site = Site(tls, Nonsense())
    with pytest.raises(SessionRefused) as caught:
        site.log_in(login_by("PLAIN"))
    assert caught.value.reply.code == (535 if answer is None else 451)
    assert site.sessions[0].user == ""


def test_scram_without_a_secret_is_told_to_whoever_runs_it(tls: Tls) -> None:
    site = Site(tls, Nobody())
    with pytest.raises(SessionRefused) as caught:
        site.log_in(login_by("SCRAM-SHA-256"))
    assert caught.value.reply.code == 451
    assert any(isinstance(event, SessionFailed) and "secret" in event.trace for event in site.events)


def test_a_verifier_knows_nobody_before_it_is_written(tls: Tls) -> None:
    for login in (login_by("PLAIN"), login_by("XOAUTH2")):
        with pytest.raises(SessionRefused):
            Site(tls, Nobody()).log_in(login)


# --- by hand ----------------------------------------------------------------------------------


@dataclass
class Facts:
    """As much of a session as a login looks at."""

    tls: TlsInfo | None = None
    user: str = ""
    auth_mechanisms: tuple[str, ...] = SERVER_MECHANISMS


def exchange(mechanism: str, facts: Facts | None = None) -> AuthExchange:
    return AuthExchange(mechanism, Users(), facts or Facts())  # type: ignore[arg-type]


def settled(answer: Answer) -> str:
    """Wait for an answer and return it as it is said."""

    async def main() -> Reply:
        return answer if isinstance(answer, Reply) else await answer

    return str(simulate(main()))


def test_the_dialogue_of_plain_without_an_initial_response() -> None:
    facts = Facts()
    login = exchange("PLAIN", facts)
    assert settled(login.start(None)) == "334 "
    assert settled(login.step(b"\0ann\0secret")) == "235 2.7.0 Authentication succeeded"
    assert facts.user == "ann"


def test_the_dialogue_of_login() -> None:
    login = exchange("LOGIN")
    assert settled(login.start(None)) == "334 " + b64encode(b"Username:").decode()
    assert settled(login.step(b"ann")) == "334 " + b64encode(b"Password:").decode()
    assert settled(login.step(b"secret")) == "235 2.7.0 Authentication succeeded"


def test_a_failed_token_is_told_in_json_and_then_refused() -> None:
    login = exchange("OAUTHBEARER")
    told = settled(login.start(b"n,a=ann,\x01auth=Bearer stale\x01\x01"))
    assert told == "334 " + b64encode(b'{"status": "invalid_token"}').decode()
    assert settled(login.step(b"\x01")) == "535 5.7.8 Authentication failed"


def test_who_does_not_take_the_signature_with_an_empty_response_is_not_logged_in() -> None:
    facts = Facts()
    login = exchange("SCRAM-SHA-256", facts)
    client = sasl.choose(
        ("SCRAM-SHA-256",),
        Login("ann", "secret"),
        sasl.ClientFacts(host="", port=0, binding=None, nonce="x" * 16),
    )
    assert client is not None
    challenge = login.start(client.start())

    async def main() -> tuple[Reply, Reply]:
        assert not isinstance(challenge, Reply)
        first = await challenge
        signature = login.step(client.step(sasl_bytes(first)))
        assert isinstance(signature, Reply)
        assert facts.user == ""
        last = login.step(b"something")
        assert isinstance(last, Reply)
        return signature, last

    signature, last = simulate(main())
    assert (signature.code, str(last)) == (334, "535 5.7.8 Authentication failed")
    assert facts.user == ""


def sasl_bytes(challenge: Reply) -> bytes:
    return b64decode(challenge.text)


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ("PLAIN", b"ann\0secret"),
        ("PLAIN", b"\0ann\0sec\0ret"),
        ("PLAIN", b"\0\0secret"),
        ("PLAIN", b"boss\0ann\0secret"),
        ("PLAIN", b"\0ann\0\xff"),
        ("PLAIN", b""),
    ],
)
def test_what_a34_lists_is_refused_like_a_wrong_password(mechanism: str, message: bytes) -> None:
    facts = Facts()
    assert settled(exchange(mechanism, facts).start(message)) == "535 5.7.8 Authentication failed"
    assert facts.user == ""


def test_external_needs_a_certificate_that_was_verified() -> None:
    assert settled(exchange("EXTERNAL").start(b"")) == "535 5.7.8 Authentication failed"
    shown = TlsInfo("TLSv1.3", "x", verified=False, peer_certificate=b"der")
    assert settled(exchange("EXTERNAL", Facts(tls=shown)).start(b"")) == "535 5.7.8 Authentication failed"


def test_plus_without_a_binding_and_unknown_names_are_not_there() -> None:
    for name in ("SCRAM-SHA-256-PLUS", "CRAM-MD5"):
        assert settled(exchange(name).start(None)) == "504 5.5.4 Mechanism not offered"


def test_a_secret_that_could_be_guessed_is_a_mistake_of_ours() -> None:
    class Careless(Verifier):
        secret = b"short"

    with pytest.raises(LocalProtocolError):
        AuthExchange("SCRAM-SHA-256", Careless(), Facts())  # type: ignore[arg-type]
