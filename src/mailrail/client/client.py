"""Floor 2 · client — the client for everybody: give it a host and a message.

TLS is verified by default where it matters: with a login or from the first byte. Without either it is
opportunistic, as between servers, for then there is nothing to give away but the message.
"""

import asyncio
import ssl
from collections.abc import Sequence
from email.message import EmailMessage, Message
from types import TracebackType

from mailrail.client.compose import compose
from mailrail.client.errors import CannotSend, SessionError, SessionFailed
from mailrail.client.options import SendOptions, lack
from mailrail.client.outcome import Result, error_of, names_of, result_of, unresolved
from mailrail.client.session import ClientSession
from mailrail.client.settings import ClientSettings
from mailrail.client.source import WholeSource
from mailrail.client.terms import SessionTerms
from mailrail.message import Obstacle, convert
from mailrail.model import Body, DnsError, Envelope, LocalProtocolError, Login, TlsLevel
from mailrail.net import (
    Endpoint,
    Network,
    Resolve,
    SessionCache,
    SocketNetwork,
    client_context,
    system_resolve,
)
from mailrail.smtp import Extensions, Role, Stage

_LARGE_BYTES = 256 * 1024  # a conversion above this would hold the loop up


class Client:
    """Sends messages to one server; opens a session when it needs one and keeps it.

    Use it as an asynchronous context manager, from one event loop:

        async with Client("smtp.example.org", login=("ann", password)) as client:
            await client.send(message)
    """

    def __init__(
        self,
        host: str,
        port: int | None = None,
        *,
        tls: str | None = None,
        implicit_tls: bool = False,
        login: tuple[str, str] | Login | None = None,
        may_login_in_clear: bool = False,
        hello_name: str = "",
        lmtp: bool = False,
        context: ssl.SSLContext | None = None,
        settings: ClientSettings | None = None,
        network: Network | None = None,
        resolve: Resolve = system_resolve,
    ) -> None:
        """Make a client; nothing is opened yet.

        Args:
            host: name, IP address or path of a Unix socket; the port stands by itself.
            port: default: 465 with *implicit_tls*, 587 with a *login*, else 25.
            tls: "verify", "encrypt", "may" or "none"; default: "verify" with a login or implicit TLS, else "may".
            implicit_tls: TLS from the first byte instead of STARTTLS.
            login: user and password, or a `Login` with a token, or with the mechanisms that may be used;
                default: the strongest that the server offers.
            may_login_in_clear: also without TLS, but only on this machine.
            hello_name: our host name for EHLO; default: our address.
            lmtp: speak LMTP.
            context: TLS context instead of one made for *tls*.
            settings: timeouts.
            network: where to connect; default: real sockets.
            resolve: how to find addresses of *host*; default: the system's resolver.

        Raises:
            ValueError: *tls* is none of the four words, or *host* has a port in it.
        """
        if host.count(":") == 1 and "/" not in host:
            name, _, number = host.partition(":")
            raise ValueError(f"host={host!r}: give the port by itself: host={name!r}, port={number}")
        is_sure = login is not None or implicit_tls
        self.host = host
        self.port = port or (465 if implicit_tls else 587 if login else 25)
        self._level = _level_of(tls) if tls is not None else TlsLevel.VERIFY if is_sure else TlsLevel.MAY
        self._implicit_tls = implicit_tls
        self._login = Login(*login) if isinstance(login, tuple) else login
        self._may_login_in_clear = may_login_in_clear
        self._hello_name = hello_name
        self._role = Role.LMTP if lmtp else Role.SMTP
        self._context = context
        self._settings = settings or ClientSettings()
        # Made with the first session where none is given. We clear it ourselves: the loop may end right after `close`.
        self._own_network: SocketNetwork | None = None
        self._network = network
        self._resolve = resolve
        self._tls_sessions = SessionCache()
        self._session: ClientSession | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def send(
        self,
        message: EmailMessage | Message | bytes,
        sender: str | None = None,
        recipients: Sequence[str] | str | None = None,
        *,
        options: SendOptions | None = None,
    ) -> Result:
        """Send *message*; calls wait for one another.

        Args:
            message: an EmailMessage, or bytes of an RFC 5322 message, in which a bare LF is made CRLF.
                Bcc fields are taken out. What the server cannot take is converted where the RFCs allow it.
            sender: reverse-path; "" is the null one; default: the Sender or the From of the message.
            recipients: one or several; default: everybody in To, Cc and Bcc.
            options: wishes for notices, and what is demanded of the server.

        Returns:
            What the server said about each recipient, at least one of whom got the message.

        Raises:
            SendError: nobody got it; the kind says why, `replies` what the server said.

        *Cancel-safe:* yes: the session is closed; the message may or may not have been sent.
        """
        wishes = options or SendOptions()
        envelope, content = compose(message, sender, recipients, wishes)
        names = names_of(envelope)
        async with self._lock:
            session = await self._ready(names)
            is_verified = session.tls is not None and session.tls.verified
            if words := lack(wishes, session.extensions, is_verified=is_verified):
                raise CannotSend(Stage.MAIL, f"{self.host}: {words}", recipients=names)
            try:
                content, body = await fitted(content, envelope, session.extensions)
                sent = await session.send(envelope, WholeSource(content), body=body)
            except SessionError as error:
                raise error_of(error, self.host, names) from error
            except LocalProtocolError as error:
                raise CannotSend(Stage.MAIL, f"{self.host}: {error}", recipients=names) from error
            return result_of(sent, envelope, self.host, passed_dsn=session.extensions.has_dsn)

    async def close(self) -> None:
        """Say QUIT and close; idempotent. The client opens another session when it is used again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self._own_network is not None:
            self._own_network.close()

    # --- the session -----------------------------------------------------------------

    async def _ready(self, names: tuple[str, ...]) -> ClientSession:
        """Return a session that may be used, opening one if need be; *names* are told should that fail."""
        session = self._session
        if session is not None and session.is_usable:
            return session
        await self.close()
        try:
            self._session = await self._open(self._level)
        except SessionError as error:
            raise error_of(error, self.host, names) from error
        except DnsError as error:
            raise unresolved(error, names) from error
        return self._session

    async def _open(self, level: TlsLevel) -> ClientSession:
        """Open a session with the first address that answers."""
        network = self._network
        if network is None:
            network = self._network = self._own_network = SocketNetwork()
        terms = self._terms(level)
        endpoints = await self._resolve(self.host, self.port)
        for endpoint in endpoints[:-1]:
            try:
                return await self._open_at(network, endpoint, terms)
            except SessionFailed as error:
                if error.stage is not Stage.CONNECT:
                    raise
        return await self._open_at(network, endpoints[-1], terms)

    async def _open_at(self, network: Network, endpoint: Endpoint, terms: SessionTerms) -> ClientSession:
        try:
            return await ClientSession.open(network, endpoint, terms, self._settings)
        except SessionFailed as error:
            may_be_plain = terms.tls is TlsLevel.MAY and not terms.implicit_tls and terms.login is None
            if error.stage is not Stage.TLS or not may_be_plain:
                raise
        # RFC 7435 §3: opportunistic TLS that fails is no worse than none.
        return await ClientSession.open(network, endpoint, self._terms(TlsLevel.NONE), self._settings)

    def _terms(self, level: TlsLevel) -> SessionTerms:
        if self._context is None and (level is not TlsLevel.NONE or self._implicit_tls):
            self._context = client_context(verify=level is TlsLevel.VERIFY)
        return SessionTerms(
            hello_name=self._hello_name,
            role=self._role,
            tls=level,
            implicit_tls=self._implicit_tls,
            context=self._context,
            tls_sessions=self._tls_sessions,
            server_name=self.host,
            login=self._login,
            may_login_in_clear=self._may_login_in_clear,
        )


def _level_of(tls: str) -> TlsLevel:
    try:
        return TlsLevel(tls)
    except ValueError:
        raise ValueError(f'tls={tls!r}: write "verify", "encrypt", "may" or "none"') from None


async def fitted(content: bytes, envelope: Envelope, extensions: Extensions) -> tuple[bytes, Body]:
    """Return *content* as this server takes it, and what it then is (RFC 6152 §3, RFC 3030 §3).

    Raises:
        CannotSend: it cannot be converted without breaking it.
    """
    body = envelope.body
    if body is Body.SEVEN_BIT or (body is Body.EIGHT_BIT and extensions.has_8bitmime):
        return content, body
    if body is Body.BINARY and extensions.has_binarymime:
        return content, body
    may_8bit = extensions.has_8bitmime
    if len(content) > _LARGE_BYTES:
        loop = asyncio.get_running_loop()
        converted = await loop.run_in_executor(None, lambda: convert(content, may_8bit=may_8bit))
    else:
        converted = convert(content, may_8bit=may_8bit)
    if isinstance(converted, Obstacle):
        raise CannotSend(
            Stage.MAIL,
            f"the server cannot take this content, nor can it be converted ({converted.value})",
            recipients=names_of(envelope),
        )
    return converted, Body.SEVEN_BIT if converted.isascii() else Body.EIGHT_BIT


async def send(
    message: EmailMessage | Message | bytes,
    host: str,
    port: int | None = None,
    *,
    sender: str | None = None,
    recipients: Sequence[str] | str | None = None,
    tls: str | None = None,
    implicit_tls: bool = False,
    login: tuple[str, str] | Login | None = None,
    options: SendOptions | None = None,
) -> Result:
    """Send one message by *host* and close; for more than one, or more wishes, use `Client`.

    Args:
        message: as for `Client.send`, like *sender*, *recipients* and *options*.
        host: as for `Client`, like *port*, *tls*, *implicit_tls* and *login*.

    Raises:
        SendError: nobody got it.
    """
    async with Client(host, port, tls=tls, implicit_tls=implicit_tls, login=login) as client:
        return await client.send(message, sender, recipients, options=options)


def send_sync(
    message: EmailMessage | Message | bytes,
    host: str,
    port: int | None = None,
    *,
    sender: str | None = None,
    recipients: Sequence[str] | str | None = None,
    tls: str | None = None,
    implicit_tls: bool = False,
    login: tuple[str, str] | Login | None = None,
    options: SendOptions | None = None,
) -> Result:
    """Send one message from a program without an event loop; otherwise like `send`.

    Raises:
        SendError: nobody got it.
        RuntimeError: an event loop is running here: `await mailrail.send(...)` instead.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError("send_sync would block the running event loop: use `await mailrail.send(...)`")
    return asyncio.run(
        send(
            message,
            host,
            port,
            sender=sender,
            recipients=recipients,
            tls=tls,
            implicit_tls=implicit_tls,
            login=login,
            options=options,
        )
    )
