"""Floor 5 · admin — the daemon's side of the operator's door.

Whoever may open the socket may give orders: the file's mode is the access control. Even so nothing
that comes in may stop the daemon or fill its memory: lines, sessions and waiting are bounded.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mailrail.acme import AcmeError
from mailrail.admin.events import AdminRequestFailed, OperatorActed
from mailrail.admin.lines import LinePeer
from mailrail.admin.messages import (
    REQUEST,
    REQUEST_BYTES,
    CertificateRow,
    ChangeRequest,
    CountRequest,
    ErrorBody,
    HandedInRequest,
    HoldsRequest,
    KeysRow,
    PageRequest,
    Reloaded,
    ReloadRequest,
    RenewRequest,
    Request,
    RotateRequest,
    ShowRequest,
    StatsRequest,
    Status,
    StatusRequest,
    Trouble,
    UnlockRequest,
    destination_row,
    handed_in_row,
    row_of,
    wanted_of,
)
from mailrail.model import QueueId, SettingsError, StoreError
from mailrail.net import Connection, Endpoint, Listener, Network
from mailrail.observe import Bus
from mailrail.pickup import HandedIn
from mailrail.queue import Control
from mailrail.spool import Filter

SESSIONS: Final = 32  # ours; operators and their scripts
IDLE_S: Final = 60.0  # ours; a request is written at once

StatusSource = Callable[[], Status]
Reload = Callable[[bool], Awaitable[Reloaded]]
Renew = Callable[[], Awaitable[CertificateRow]]
Rotate = Callable[[], Awaitable[KeysRow]]
InMaildrop = Callable[[str, int], Awaitable[list[HandedIn]]]


class AdminServer:
    """Answers operators at a Unix socket.

    Args:
        network: where to listen.
        path: the socket.
        control: the queue's verbs.
        status: tells how the daemon is; the number of items is filled in here.
        bus: told of what operators do.
        reload: reads settings and certificates again, or only the latter where told True, or raises SettingsError.
        renew: fetches a certificate by ACME, or raises AcmeError.
        unlock: forgets failed logins and returns how many counts there were.
        rotate: signs reverse-paths by a new key, or raises SettingsError or StoreError.
        in_maildrop: returns what waits there, behind a place and so many, or raises StoreError.
        group_access: mode 0660 instead of 0600.
    """

    def __init__(
        self,
        network: Network,
        path: Path,
        control: Control,
        status: StatusSource,
        bus: Bus,
        *,
        reload: Reload,
        renew: Renew,
        unlock: Callable[[str], int],
        rotate: Rotate,
        in_maildrop: InMaildrop,
        group_access: bool = False,
    ) -> None:
        self._network = network
        self._endpoint = Endpoint(str(path), 0)
        self._mode = 0o660 if group_access else 0o600
        self._control = control
        self._status = status
        self._bus = bus
        self._reload = reload
        self._renew = renew
        self._unlock = unlock
        self._rotate = rotate
        self._in_maildrop = in_maildrop
        self._listener: Listener | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, group: asyncio.TaskGroup) -> None:
        """Listen; sessions run as tasks of *group*.

        Raises:
            NetError: the socket cannot be made.
        """

        def accept(connection: Connection) -> None:
            if len(self._tasks) >= SESSIONS:
                connection.abort()
                return
            task = group.create_task(self._session(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._listener = self._network.listen(self._endpoint, accept, unix_mode=self._mode)

    def close(self) -> None:
        """Listen no more and end the sessions; a change that was begun ends in the spool either way."""
        if self._listener is not None:
            self._listener.close()
        for task in self._tasks:
            task.cancel()

    async def _session(self, connection: Connection) -> None:
        peer = LinePeer(connection, REQUEST_BYTES)
        try:
            while True:
                async with asyncio.timeout(IDLE_S):
                    line = await peer.line()
                if line is None:
                    return
                answer = await self._answer(line)
                async with asyncio.timeout(IDLE_S):
                    await peer.send(answer)
        except (TimeoutError, ValueError):
            return  # silent or babbling: nothing was asked
        finally:
            connection.close()

    async def _answer(self, line: bytes) -> bytes:
        try:
            return b'{"ok":%s}' % await self._do(REQUEST.validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            return _error(Trouble.BAD_REQUEST, f"{place}: {first['msg']}" if place else first["msg"])
        except StoreError as error:
            return _error(Trouble.STORE, str(error))
        except SettingsError as error:
            return _error(Trouble.SETTINGS, str(error))
        except AcmeError as error:
            return _error(Trouble.CERTIFICATE, str(error))
        except Exception:  # a task boundary: the daemon outlives any request
            self._bus.emit(AdminRequestFailed(stack=traceback.format_exc()))
            return _error(Trouble.INTERNAL, "a fault in the daemon; its log has the details")

    async def _do(self, request: Request) -> bytes:
        match request:
            case StatusRequest():
                items = await self._control.count(Filter())
                return self._status().model_copy(update={"items": items}).model_dump_json().encode()
            case PageRequest():
                after = (QueueId(request.after[0]), request.after[1]) if request.after else None
                found = await self._control.page(request.wanted.filter(), after=after, limit=request.limit)
                return _array(row_of(listed).model_dump_json() for listed in found)
            case ShowRequest():
                shown = await self._control.show(QueueId(request.queue_id))
                return _array(row_of(listed).model_dump_json() for listed in shown)
            case CountRequest():
                return b"%d" % await self._control.count(request.wanted.filter())
            case StatsRequest():
                views = await self._control.stats(request.limit)
                return _array(destination_row(view).model_dump_json() for view in views)
            case HoldsRequest():
                return _array(wanted_of(rule).model_dump_json() for rule in self._control.holds())
            case HandedInRequest():
                handed_in = await self._in_maildrop(request.after, request.limit)
                return _array(handed_in_row(one).model_dump_json() for one in handed_in)
            case ReloadRequest():
                return (await self._reload(request.only_certificates)).model_dump_json().encode()
            case RenewRequest():
                return (await self._renew()).model_dump_json().encode()
            case UnlockRequest():
                return b"%d" % self._unlocked(request.name)
            case RotateRequest():
                return (await self._rotated()).model_dump_json().encode()
            case ChangeRequest():
                return b"%d" % await self._change(request)

    def _unlocked(self, name: str) -> int:
        count = self._unlock(name)
        self._bus.emit(OperatorActed(verb="unlock", wanted=name, items=count))
        return count

    async def _rotated(self) -> KeysRow:
        row = await self._rotate()
        self._bus.emit(OperatorActed(verb="rotate", wanted="signing keys", items=row.keys))
        return row

    async def _change(self, request: ChangeRequest) -> int:
        control = self._control
        verbs: dict[str, Callable[[Filter], Awaitable[int]]] = {
            "hold": control.hold,
            "release": control.release,
            "retry": control.retry,
            "delete": control.delete,
            "bounce": control.bounce,
        }
        items = await verbs[request.verb](request.wanted.filter())
        wanted = request.wanted.model_dump_json(exclude_defaults=True)
        self._bus.emit(OperatorActed(verb=request.verb, wanted=wanted, items=items))
        return items


def _array(rows: Iterable[str]) -> bytes:
    return f"[{','.join(rows)}]".encode()


def _error(trouble: Trouble, text: str) -> bytes:
    return b'{"error":%s}' % ErrorBody(kind=trouble, text=text).model_dump_json().encode()
