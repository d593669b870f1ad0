"""Floor 5 · admin — the operator's side of the door."""

import asyncio
from pathlib import Path
from typing import Final, Self, TypeVar

from pydantic import BaseModel

from mailrail.admin.lines import LinePeer
from mailrail.admin.messages import (
    RESPONSE_BYTES,
    AdminError,
    Answer,
    CertificateRow,
    ChangeRequest,
    CountRequest,
    DestinationRow,
    HandedInRequest,
    HandedInRow,
    HoldsRequest,
    KeysRow,
    PageRequest,
    Reloaded,
    ReloadRequest,
    RenewRequest,
    RotateRequest,
    Row,
    ShowRequest,
    StatsRequest,
    Status,
    StatusRequest,
    Trouble,
    UnlockRequest,
    Wanted,
)
from mailrail.model import NetError
from mailrail.net import Connection, Endpoint, Network

CONNECT_S: Final = 5.0  # ours; the socket is on this machine
ANSWER_S: Final = 600.0  # ours; a change of a million items takes minutes
STATUS_S: Final = 10.0  # ours; it is known at once, and whoever hangs is to be found out

_NOT_UNDERSTOOD: Final = "the daemon's answer was not understood: is it of another version?"

T = TypeVar("T")


class AdminClient:
    """Asks a running daemon; use as `async with await AdminClient.open(network, path) as admin`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._peer = LinePeer(connection, RESPONSE_BYTES)

    @classmethod
    async def open(cls, network: Network, path: Path) -> Self:
        """Connect to the daemon's socket at *path*.

        Raises:
            AdminError: DOWN when nobody answers there.
        """
        try:
            return cls(await network.connect(Endpoint(str(path), 0), timeout_s=CONNECT_S))
        except NetError as error:
            is_forbidden = isinstance(error.__cause__, PermissionError)
            mend = (
                "run this as the server's user, or set admin.group_access"
                if is_forbidden
                else "start it with mailrail serve"
            )
            raise AdminError(Trouble.DOWN, f"nobody answers at {path}: {error}\n    {mend}") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.close()

    async def status(self) -> Status:
        """Return how the daemon is."""
        return await self._ask(StatusRequest(), Answer[Status], within_s=STATUS_S)

    async def page(self, wanted: Wanted, after: tuple[str, str] | None = None, limit: int = 100) -> list[Row]:
        """Return one page of items, beginning behind *after*."""
        return await self._ask(PageRequest(wanted=wanted, after=after, limit=limit), Answer[list[Row]])

    async def show(self, queue_id: str) -> list[Row]:
        """Return every item of one message."""
        return await self._ask(ShowRequest(queue_id=queue_id), Answer[list[Row]])

    async def count(self, wanted: Wanted) -> int:
        """Return how many items *wanted* means."""
        return await self._ask(CountRequest(wanted=wanted), Answer[int])

    async def stats(self, limit: int = 1000) -> list[DestinationRow]:
        """Return the destinations with most items."""
        return await self._ask(StatsRequest(limit=limit), Answer[list[DestinationRow]])

    async def holds(self) -> list[Wanted]:
        """Return which mail is held as it comes."""
        return await self._ask(HoldsRequest(), Answer[list[Wanted]])

    async def handed_in(self, after: str = "", limit: int = 100) -> list[HandedInRow]:
        """Return some of what waits in the maildrop, beginning behind *after*; none: there is no more."""
        return await self._ask(HandedInRequest(after=after, limit=limit), Answer[list[HandedInRow]])

    async def reload(self, *, only_certificates: bool = False) -> Reloaded:
        """Have settings and certificates read again, or certificates alone.

        Raises:
            AdminError: SETTINGS when they cannot be used, with every problem in the text.
        """
        return await self._ask(ReloadRequest(only_certificates=only_certificates), Answer[Reloaded])

    async def renew(self) -> CertificateRow:
        """Have a certificate fetched by ACME now; takes from seconds to minutes.

        Raises:
            AdminError: CERTIFICATE when it could not be done, with the authority's words.
        """
        return await self._ask(RenewRequest(), Answer[CertificateRow])

    async def unlock(self, name: str) -> int:
        """Have the failed logins of an address, a network or an account forgotten; return how many counts there were."""
        return await self._ask(UnlockRequest(name=name), Answer[int])

    async def rotate(self) -> KeysRow:
        """Have reverse-paths signed by a new key."""
        return await self._ask(RotateRequest(), Answer[KeysRow])

    async def change(self, request: ChangeRequest) -> int:
        """Do something to items and return how many they were."""
        return await self._ask(request, Answer[int])

    async def _ask(self, request: BaseModel, kind: type[Answer[T]], within_s: float = ANSWER_S) -> T:
        """Send *request* and read its answer.

        Raises:
            AdminError: it was not done, or the daemon went away.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._peer.send(request.model_dump_json().encode())
                line = await self._peer.line()
            if line is None:
                raise AdminError(Trouble.DOWN, "the daemon went away before it answered")
            answer = kind.model_validate_json(line)
        except TimeoutError as error:
            raise AdminError(Trouble.DOWN, f"the daemon did not answer within {within_s:.0f} s") from error
        except ValueError as error:
            raise AdminError(Trouble.BAD_REQUEST, _NOT_UNDERSTOOD) from error
        if answer.error is not None:
            raise AdminError(answer.error.kind, answer.error.text)
        if answer.ok is None:
            raise AdminError(Trouble.BAD_REQUEST, _NOT_UNDERSTOOD)
        return answer.ok
