"""Floor 2 · client — from a connection to a session that may carry mail: greeting, EHLO, TLS, login.

Nothing said before TLS counts after it, and a password never goes over the wire in the clear
unless it never leaves this machine and the caller said so.
"""

from ipaddress import ip_address
from typing import Final

from mailrail import sasl
from mailrail.client.errors import SessionFailed, SessionRefused
from mailrail.client.settings import ClientSettings
from mailrail.client.terms import SessionTerms
from mailrail.client.wire import Wire
from mailrail.model import NetError, RemoteProtocolError, TlsLevel
from mailrail.model.reply import AUTH_NEEDS_TLS, TLS_NOT_POSSIBLE, UNKNOWN_MECHANISM
from mailrail.net import Endpoint, Network
from mailrail.smtp import Answered, Challenged, ClientConnection, ClientState, Dismissed, Role, Stage

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
    offered = wire.protocol.extensions.auth
    mechanism = sasl.choose(offered, terms.login.user, terms.login.password)
    if mechanism is None:
        words = ", ".join(offered) or "none"
        raise SessionRefused(Stage.AUTH, UNKNOWN_MECHANISM, f"no login that we can do is offered: {words}")
    is_private = wire.tls is not None or (terms.may_login_in_clear and _is_here(wire.connection.peer))
    if mechanism.is_plain and not is_private:
        raise SessionRefused(Stage.AUTH, AUTH_NEEDS_TLS, "a password is not sent without TLS (RFC 4954 §4)")
    wire.protocol.auth(mechanism.name, mechanism.start())
    wire.flush()
    while isinstance(event := await wire.event(), Challenged):
        _respond(wire, mechanism, event.challenge)
    # Dismissed: 421 came behind a challenge, where no reply was owed.
    assert isinstance(event, Answered | Dismissed), event
    if not event.reply.is_positive:
        raise SessionRefused(Stage.AUTH, event.reply)


def _respond(wire: Wire, mechanism: sasl.ClientMechanism, challenge: bytes) -> None:
    if wire.protocol.state is not ClientState.CHALLENGED:
        return  # the session is over already; what ended it is told next
    try:
        wire.protocol.respond(mechanism.step(challenge))
    except RemoteProtocolError:
        wire.protocol.cancel_auth()
    wire.flush()


def _literal(local: Endpoint) -> str:
    """Introduce ourselves by address where no name was given (RFC 5321 §4.1.4)."""
    if local.is_unix:
        return "localhost"
    return f"[IPv6:{local.host}]" if ":" in local.host else f"[{local.host}]"


def _is_here(peer: Endpoint) -> bool:
    """Tell whether *peer* is on this machine."""
    return peer.is_unix or ip_address(peer.host).is_loopback
