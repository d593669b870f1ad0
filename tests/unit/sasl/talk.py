"""Our client against our server, in memory, with a store of one user."""

from dataclasses import dataclass, field

from mailrail.model import Login
from mailrail.sasl import (
    Challenge,
    CheckCertificate,
    CheckPassword,
    CheckToken,
    ClientFacts,
    ClientMechanism,
    Failure,
    FindKeys,
    KeyRecord,
    Question,
    ServerExchange,
    ServerFacts,
    Success,
    choose,
    derive_keys,
    server_exchange,
)

SALT = b"sixteen octets.."
CLIENT_NONCE = "client+nonce+123"
SERVER_NONCE = "server/nonce/456"


@dataclass
class Store:
    """Knows one user, by one password or token.

    Attributes:
        asked: every question.
    """

    user: str
    secret: str
    asked: list[Question] = field(default_factory=list)

    def answer(self, question: Question) -> str | KeyRecord | None:
        self.asked.append(question)
        match question:
            case CheckPassword(user, password):
                return self.user if (user, password) == (self.user, self.secret) else None
            case CheckToken(user, token):
                return self.user if user in ("", self.user) and token == self.secret else None
            case CheckCertificate(user):
                return self.user if user in ("", self.user) else None
            case FindKeys(user, digest):
                keys = derive_keys(self.secret, SALT, 4096, digest)
                return KeyRecord(self.user, keys) if user == self.user else None


def client_of(
    name: str, login: Login, *, offered: tuple[str, ...] = (), binding: bytes | None = None
) -> ClientMechanism:
    facts = ClientFacts(host="mx.example", port=587, binding=binding, nonce=CLIENT_NONCE)
    only = Login(login.user, login.password, login.token, None, (name,))
    client = choose(offered or (name,), only, facts)
    assert client is not None
    assert client.name == name
    return client


def server_of(name: str, *, offered: tuple[str, ...] = (), binding: bytes | None = None) -> ServerExchange:
    facts = ServerFacts(offered=offered or (name,), binding=binding, nonce=SERVER_NONCE, secret=b"secret")
    server = server_exchange(name, facts)
    assert server is not None
    return server


def talk(client: ClientMechanism, server: ServerExchange, store: Store) -> Success | Failure:
    """Let them speak until it is decided, and the client take the last challenge."""
    step = server.step(client.start())
    while True:
        match step:
            case Challenge(data):
                step = server.step(client.step(data))
            case Success() | Failure():
                if step.data:
                    client.step(step.data)
                return step
            case _:
                step = server.tell(store.answer(step))
