"""Floor 5 · sendmail — asks the running server, through the operator's socket of each worker (`admin/messages.py` says what may be asked).

The same JSON as the operator's program speaks, without what makes that slow to start. Whoever may open the socket may ask.
"""

import json
import os
import socket
from collections.abc import Iterator
from heapq import merge
from operator import itemgetter
from typing import Any, Final

from mailrail.sendmail.exits import NO_PERMISSION, TEMPORARY, UNAVAILABLE, Stop

ANSWER_S: Final = 600.0  # as admin/client.py: a change of a million items takes minutes
PAGE: Final = 100
Row = dict[str, Any]
_PLACE: Final = itemgetter("queue_id", "destination")


class SilentError(Exception):
    """Nobody answers at any socket."""


class Worker:
    """One worker's socket, open.

    Raises:
        OSError: nobody answers there.
    """

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_S)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rb")

    def ask(self, verb: str, **request: object) -> Any:
        """Return the answer to one request.

        Raises:
            Stop: it was not done.
        """
        try:
            self._socket.sendall(json.dumps({"verb": verb, **request}).encode() + b"\n")
            answer = json.loads(self._file.readline())
        except OSError as error:
            raise Stop(TEMPORARY, f"the server does not answer: {error}") from None
        except ValueError:
            raise Stop(UNAVAILABLE, "the server went away, or is of another version") from None
        if "ok" in answer:
            return answer["ok"]
        raise Stop(UNAVAILABLE, str(answer.get("error", {}).get("text", "the server refuses")))

    def rows(self, wanted: Row) -> Iterator[Row]:
        """Go through the items that *wanted* means, by id."""
        after = None
        while True:
            page = self.ask("page", wanted=wanted, after=after, limit=PAGE)
            yield from page
            if len(page) < PAGE:
                return
            after = _PLACE(page[-1])

    def handed_in(self) -> Iterator[Row]:
        """Go through what waits in the maildrop, if this is the worker that takes it up."""
        after = ""
        while page := self.ask("handed_in", after=after, limit=PAGE):
            yield from page
            after = page[-1]["place"]

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()


class Server:
    """All workers of the running server.

    Args:
        path: the socket of the first one; that of worker k has `.k` behind.

    Raises:
        SilentError: nobody answers.
        Stop: it is not for us to ask.
    """

    def __init__(self, path: str) -> None:
        self._workers: list[Worker] = []
        for one in _sockets(path):
            try:
                self._workers.append(Worker(one))
            except PermissionError:
                raise Stop(
                    NO_PERMISSION,
                    f"you may not ask the server at {path}: its operator allows a group to by admin.group_access",
                ) from None
            except OSError:
                continue
        if not self._workers:
            raise SilentError

    def rows(self, wanted: Row) -> Iterator[Row]:
        """Go through the items that *wanted* means, by id, whoever has them."""
        return merge(*(worker.rows(wanted) for worker in self._workers), key=_PLACE)

    def handed_in(self) -> Iterator[Row]:
        """Go through what waits in the maildrop."""
        for worker in self._workers:
            yield from worker.handed_in()

    def change(self, verb: str, wanted: Row) -> int:
        """Do something to items, wherever they are, and return how many they were."""
        return sum(worker.ask(verb, wanted=wanted) for worker in self._workers)

    def reload(self) -> None:
        """Have settings, certificates and tables read again.

        Raises:
            Stop: the settings are wrong.
        """
        for worker in self._workers:
            worker.ask("reload")

    def close(self) -> None:
        """Hang up."""
        for worker in self._workers:
            worker.close()


def _sockets(path: str) -> list[str]:
    directory, _, first = path.rpartition("/")
    try:
        names = os.listdir(directory)
    except OSError:
        return [path]  # who may use the socket need not be able to list what is beside it
    further = [name for name in names if name.startswith(f"{first}.") and name[len(first) + 1 :].isdecimal()]
    return [path, *(f"{directory}/{name}" for name in sorted(further))]
