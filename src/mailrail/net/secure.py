"""Floor 2 · net — the client's handshake as one await."""

import asyncio
import ssl

from mailrail.model import NetError
from mailrail.net.api import Connection, TlsInfo
from mailrail.net.sessions import SessionCache
from mailrail.net.tls import TlsConnection


async def secure(
    connection: Connection,
    context: ssl.SSLContext,
    server_name: str | None,
    *,
    timeout_s: float,
    sessions: SessionCache | None = None,
) -> tuple[TlsConnection, TlsInfo]:
    """Shake hands as a client; attach a receiver to what comes back to begin reading.

    Args:
        connection: fresh, or a plain one after a good reply to STARTTLS with nothing behind it.
        context: from `client_context`.
        server_name: host name (A-labels) or address for SNI and for checking.
        timeout_s: deadline of the whole handshake.
        sessions: where to look for, and leave, a session to resume.

    Raises:
        NetError: TLS or TIMEOUT; the connection is closed.

    *Cancel-safe:* yes: the connection is aborted.
    """
    done: asyncio.Future[TlsInfo] = asyncio.get_running_loop().create_future()

    def secured(info: TlsInfo) -> None:
        if not done.done():
            done.set_result(info)

    def failed(error: NetError) -> None:
        if not done.done():
            done.set_exception(error)

    tls = TlsConnection.client(connection, context, server_name, sessions=sessions)
    tls.start(secured, failed, timeout_s=timeout_s)
    try:
        return tls, await done
    except BaseException:
        tls.abort()
        raise
