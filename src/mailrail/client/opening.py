"""Floor 2 · client — from a connection to a session that may carry mail: greeting, EHLO, TLS, login.

Nothing said before TLS counts after it, and a password never goes over the wire in the clear
unless it never leaves this machine and the caller said so.
"""

import asyncio
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

from mailrail import sasl
from mailrail.client.errors import SessionFailed, SessionRefused
from mailrail.client.settings import ClientSettings
from mailrail.client.terms import SessionTerms
from mailrail.client.wire import Wire
from mailrail.model import LocalProtocolError, Login, NetError, RemoteProtocolError, TlsLevel
from mailrail.model.reply import (
    AUTH_FAILED,
    AUTH_NEEDS_TLS,
    AUTH_UNAVAILABLE,
    TLS_NOT_POSSIBLE,
    UNKNOWN_MECHANISM,
)
from mailrail.net import Endpoint, Network, end_point_binding
from mailrail.smtp import Answered, Challenged, ClientConnection, ClientState, Dismissed, Role, Stage

# RFC 5321 §4.5.3.1.4: 512 octets in all. 348 are 464 in base64, and the verb with the longest name takes 26.
_INITIAL_OCTETS: Final = 348
_NO_EHLO: Final = frozenset({500, 501, 502, 504, 550})  # RFC 5321 §4.1.4, §4.3.2


async def open_wire(
    network: Network, endpoint: Endpoint, terms: SessionTerms, settings: ClientSettings
) -> Wire:
    """Connect and do all that comes before mail.

    Raises:
        SessionFailed, SessionRefused: the connection is closed.
    """
    try:
        connection = await network.connect(endpoint, timeout_s=settings.connect_s, source=terms.source)
    except NetError as error:
        raise SessionFailed(Stage.CONNECT, error.trouble, str(error)) from error
    wire = Wire(connection, ClientConnection(terms.role), settings)
    try:
        if terms.implicit_tls and terms.tls is not TlsLevel.NONE:
            await wire.secure(terms, settings.tls_s)
        wire.attach()
        await _expect_greeting(wire)
        await _say_hello(wire, terms)
        if wire.tls is None and terms.tls is not TlsLevel.NONE:
            await _start_tls(wire, terms, settings)
        if terms.login is not None:
            await _log_in(wire, terms)
    except SessionRefused:
        wire.say_goodbye()
        raise
    except BaseException:
        wire.abort()
        raise
    return wire


async def _expect_greeting(wire: Wire) -> None:
    reply = await wire.answer()
    if not reply.is_positive:
        raise SessionRefused(Stage.GREETING, reply)


async def _say_hello(wire: Wire, terms: SessionTerms) -> None:
    name = terms.hello_name or _literal(wire.connection.local)
    wire.protocol.hello(name)
    wire.flush()
    reply = await wire.answer()
    # RFC 5321 §3.2: HELO for a server that knows no EHLO.
    if reply.code in _NO_EHLO and terms.role is Role.SMTP:
        wire.protocol.hello(name, extended=False)
        wire.flush()
        reply = await wire.answer()
    if not reply.is_positive:
        raise SessionRefused(Stage.HELLO, reply)


async def _start_tls(wire: Wire, terms: SessionTerms, settings: ClientSettings) -> None:
    """Bring TLS up if offered; without it only an opportunistic session goes on (A55)."""
    if not wire.protocol.extensions.has_starttls:
        if terms.tls is not TlsLevel.MAY:
            raise SessionRefused(Stage.TLS, TLS_NOT_POSSIBLE, "the server does not offer STARTTLS")
        return
    wire.protocol.starttls()
    wire.flush()
    reply = await wire.answer()
    if not reply.is_positive:
        if terms.tls is not TlsLevel.MAY or reply.code == 421:
            raise SessionRefused(Stage.TLS, reply)
        return
    await wire.secure(terms, settings.tls_s)
    wire.protocol.tls_up()
    wire.attach()
    await _say_hello(wire, terms)


async def _log_in(wire: Wire, terms: SessionTerms) -> None:
    assert terms.login is not None
    if wire.tls is None and not (terms.may_login_in_clear and _is_here(wire.connection.peer)):
        raise SessionRefused(Stage.AUTH, AUTH_NEEDS_TLS, "there is no login without TLS (RFC 4954 §4)")
    mechanism = _choose(wire, await _with_token(terms.login), terms)
    initial = mechanism.start()
    # RFC 4954 §4: a line that is too long is not sent; the server asks, and gets the same as response.
    is_late = initial is not None and len(initial) > _INITIAL_OCTETS
    wire.protocol.auth(mechanism.name, None if is_late else initial)
    wire.flush()
    while isinstance(event := await wire.event(), Challenged):
        await _respond(wire, mechanism, event.challenge)
    # Dismissed: 421 came behind a challenge, where no reply was owed.
    assert isinstance(event, Answered | Dismissed), event
    if not event.reply.is_positive:
        raise SessionRefused(Stage.AUTH, event.reply)
    if not mechanism.is_complete:
        words = (
            f"the server took the login without proving that it knows it ({mechanism.name}, RFC 5802 §5.1)"
        )
        raise SessionRefused(Stage.AUTH, AUTH_FAILED, words)


async def _with_token(login: Login) -> Login:
    """Return *login* with the token that stands in its file now.

    Raises:
        SessionRefused: the file has none; the server was not asked.
    """
    if login.token_file is None:
        return login
    loop = asyncio.get_running_loop()
    try:
        text = await loop.run_in_executor(None, login.token_file.read_text, "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = f"token_file {login.token_file} cannot be read: {error}"
        raise SessionRefused(Stage.AUTH, AUTH_UNAVAILABLE, words) from None
    return replace(login, token=text.partition("\n")[0].strip(), token_file=None)


def _choose(wire: Wire, login: Login, terms: SessionTerms) -> sasl.ClientMechanism:
    """Make the strongest exchange that both can do.

    Raises:
        SessionRefused: there is none.
    """
    offered = wire.protocol.extensions.auth
    peer = wire.connection.peer
    facts = sasl.ClientFacts(
        host=terms.server_name or peer.host,
        port=peer.port,
        binding=end_point_binding(wire.tls.peer_certificate) if wire.tls is not None else None,
        nonce=sasl.make_nonce(terms.rng),
    )
    try:
        mechanism = sasl.choose(offered, login, facts)
    except LocalProtocolError as error:
        raise SessionRefused(Stage.AUTH, UNKNOWN_MECHANISM, str(error)) from error
    if mechanism is None:
        words = ", ".join(offered) or "none"
        raise SessionRefused(Stage.AUTH, UNKNOWN_MECHANISM, f"no login that we can do is offered: {words}")
    return mechanism


async def _respond(wire: Wire, mechanism: sasl.ClientMechanism, challenge: bytes) -> None:
    """Answer a challenge; off the loop, for SCRAM may compute for some tenths of a second."""
    loop = asyncio.get_running_loop()
    response: bytes | None
    try:
        response = await loop.run_in_executor(None, mechanism.step, challenge)
    except RemoteProtocolError:
        response = None
    if wire.protocol.state is not ClientState.CHALLENGED:
        return  # the session is over already; what ended it is told next
    if response is None:
        wire.protocol.cancel_auth()
    else:
        wire.protocol.respond(response)
    wire.flush()


def _literal(local: Endpoint) -> str:
    """Introduce ourselves by address where no name was given (RFC 5321 §4.1.4)."""
    if local.is_unix:
        return "localhost"
    return f"[IPv6:{local.host}]" if ":" in local.host else f"[{local.host}]"


def _is_here(peer: Endpoint) -> bool:
    """Tell whether *peer* is on this machine."""
    return peer.is_unix or ip_address(peer.host).is_loopback
