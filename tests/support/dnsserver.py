"""A small DNS server for tests, demos and benches: UDP and TCP on loopback, in a thread of its own.

    with DnsServer({"example.org": ["MX 10 mx.example.org"], "mx.example.org": ["A 127.0.0.1"]}) as server:
        settings = DnsSettings(servers=(str(server.endpoint),))

Its zone, which may be changed and broken at any time, is the simulator's (`mailrail.sim.Zone`).
"""

import asyncio
import contextlib
import threading
from typing import Self

from mailrail.model import NetError
from mailrail.net import Endpoint, SocketNetwork
from mailrail.sim import Records, Zone, ZoneService

START_TIMEOUT_S = 10.0
BIND_TRIES = 10


class DnsServer:
    """Serves one Zone on sockets, in a thread of its own; a context manager, also as `async with`."""

    def __init__(self, records: Records | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.zone = Zone(records or {})
        self.endpoint = Endpoint(host, port)
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._over = asyncio.Event()
        self._trouble: NetError | None = None
        self._thread = threading.Thread(target=self._run, name="dnsserver", daemon=True)

    def start(self) -> Self:
        """Begin to serve; the endpoint is known when this returns.

        Raises:
            NetError: the endpoint is taken.
        """
        self._thread.start()
        if not self._is_up.wait(START_TIMEOUT_S):
            raise RuntimeError("the DNS server did not start")
        if self._trouble is not None:
            self._thread.join()
            raise self._trouble
        return self

    def stop(self) -> None:
        """End; idempotent."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except NetError as error:
            self._trouble = error
        finally:
            self._is_up.set()
            self._loop.close()

    async def _serve(self) -> None:
        service = self._bind()
        self.endpoint = service.endpoint
        self._is_up.set()
        await self._over.wait()
        service.close()

    def _bind(self) -> ZoneService:
        """Take one port number for both; a free one may be taken on the other side, so try a few."""
        for _ in range(0 if self.endpoint.port else BIND_TRIES):
            with contextlib.suppress(NetError):
                return ZoneService(SocketNetwork(), self.zone, self.endpoint)
        return ZoneService(SocketNetwork(), self.zone, self.endpoint)
