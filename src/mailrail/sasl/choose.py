"""Floor 1 · sasl — which mechanism: the strongest for a client, the one asked for by name for a server."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mailrail.model import LocalProtocolError, Login, Rng
from mailrail.sasl.client import ClientMechanism, External, Plain
from mailrail.sasl.client import Login as LoginMechanism
from mailrail.sasl.client_oauth import OAuthBearer, XOAuth2
from mailrail.sasl.client_scram import ScramClient
from mailrail.sasl.grammar import PLUS
from mailrail.sasl.server import ExternalServer, LoginServer, PlainServer, ServerExchange
from mailrail.sasl.server_oauth import OAuthBearerServer, XOAuth2Server
from mailrail.sasl.server_scram import ScramServer

# Strongest first. A binding before a better hash: SHA-1 is not broken as SCRAM uses it (RFC 6194 §3.3).
SCRAM: Final = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1")
BY_PASSWORD: Final = (*SCRAM, "PLAIN", "LOGIN")
BY_TOKEN: Final = ("OAUTHBEARER", "XOAUTH2")
# All that a server can do; SCRAM-SHA-1 is for who asks for it by name.
SERVER_MECHANISMS: Final = (*BY_PASSWORD, *BY_TOKEN, "EXTERNAL")


_NONCE_OCTETS: Final = 18  # what others use: 144 bits, 24 characters


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """What a mechanism may have to know of the connection.

    Attributes:
        host, port: whom we have connected to.
        binding: what tls-server-end-point is (RFC 5929 §4); None: not known.
        nonce: fresh and random, for one exchange.
    """

    host: str
    port: int
    binding: bytes | None
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a mechanism may have to know of the connection.

    Attributes:
        offered: the mechanisms that the client was shown.
        binding: what tls-server-end-point is (RFC 5929 §4); None: not known.
        nonce: fresh and random, for one exchange.
        secret: for challenges to users that do not exist: see `fake_keys`.
    """

    offered: Sequence[str]
    binding: bytes | None
    nonce: str
    secret: bytes


def make_nonce(rng: Rng) -> str:
    """Return a nonce for one exchange (RFC 5802 §5.1).

    Args:
        rng: one that nobody can predict.
    """
    return b64encode(rng.getrandbits(8 * _NONCE_OCTETS).to_bytes(_NONCE_OCTETS, "big")).decode()


def choose(offered: Sequence[str], login: Login, facts: ClientFacts) -> ClientMechanism | None:
    """Return a fresh exchange by the strongest mechanism that the server offers and *login* allows, or None.

    Args:
        offered: names in capitals, as in the reply to EHLO under TLS.
        login: a password, a token, or the client's certificate where `mechanisms` says EXTERNAL.

    Raises:
        LocalProtocolError: what is offered cannot carry these credentials.
    """
    trouble: LocalProtocolError | None = None
    for name in _candidates(login):
        if name not in offered or (name.endswith(PLUS) and facts.binding is None):
            continue
        try:
            return _client(name, offered, login, facts)
        except (
            LocalProtocolError
        ) as error:  # SCRAM takes no password that Unicode 3.2 does not know; PLAIN does
            trouble = error
    if trouble is not None:
        raise trouble
    return None


def _candidates(login: Login) -> tuple[str, ...]:
    able = BY_TOKEN if login.token else BY_PASSWORD
    if not login.mechanisms:
        return able
    return tuple(name for name in ("EXTERNAL", *able) if name in login.mechanisms)


def _client(name: str, offered: Sequence[str], login: Login, facts: ClientFacts) -> ClientMechanism:
    match name:
        case "PLAIN":
            return Plain(login.user, login.password)
        case "LOGIN":
            return LoginMechanism(login.user, login.password)
        case "OAUTHBEARER":
            return OAuthBearer(login.user, login.token, facts.host, facts.port)
        case "XOAUTH2":
            return XOAuth2(login.user, login.token)
        case "EXTERNAL":
            return External(login.user)
    return ScramClient(
        name,
        login.user,
        login.password,
        nonce=facts.nonce,
        binding=facts.binding,
        saw_plus=f"{name}{PLUS}" in offered,
    )


_SIMPLE: Final[dict[str, Callable[[], ServerExchange]]] = {
    "PLAIN": lambda: ServerExchange(PlainServer()),
    "LOGIN": lambda: ServerExchange(LoginServer()),
    "OAUTHBEARER": lambda: ServerExchange(OAuthBearerServer()),
    "XOAUTH2": lambda: ServerExchange(XOAuth2Server()),
    "EXTERNAL": lambda: ServerExchange(ExternalServer()),
}


def server_exchange(name: str, facts: ServerFacts) -> ServerExchange | None:
    """Return a fresh exchange by the mechanism *name*, or None where it cannot be done here.

    Args:
        name: in capitals.
        facts: what SCRAM needs.
    """
    if name in _SIMPLE:
        return _SIMPLE[name]()
    if name not in SCRAM or (name.endswith(PLUS) and facts.binding is None):
        return None
    scram = ScramServer(
        name,
        nonce=facts.nonce,
        secret=facts.secret,
        binding=facts.binding,
        offers_plus=f"{name}{PLUS}" in facts.offered,
    )
    return ServerExchange(scram)
