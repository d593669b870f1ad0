"""Floor 0 · promise — a future that calls at once.

An asyncio future calls in the loop's next turn: a Handle, a Context and a place in the loop's queue, seven thousand
instructions for each. A message waits for two commits. Here whoever waits is called in the very call that brings the answer.

It is for callers that are at rest when the answer comes, as they are behind a commit: what is called may do anything. It has
the part of a future's methods that is used, with the same names, and can be awaited; then the loop's turn is waited for.

It is a Struct, and so is what is a promise of its own work (an operation of the spool, a message on its way in): to make one of
those, three times a message, takes a third of the time of a class that sets its attributes.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Promise(Struct, Generic[T], kw_only=True, eq=False):
    """One answer, for one listener."""

    _is_over: bool = False
    _error: BaseException | None = None
    _listener: "Callable[[Promise[T]], object] | None" = None
    _result: T | None = None

    def add_done_callback(self, listener: Callable[["Promise[T]"], object], /) -> None:
        """Call *listener* with this promise once it is over: now, if it is."""
        assert self._listener is None, "a promise has one listener"
        if self._is_over:
            self._tell(listener)
        else:
            self._listener = listener

    def done(self) -> bool:
        """Tell whether there is an answer, or nobody waits for one any more."""
        return self._is_over

    def cancelled(self) -> bool:
        """Tell whether nobody waited any more."""
        return self._error is not None and isinstance(self._error, asyncio.CancelledError)

    def exception(self) -> BaseException | None:
        """Return why there is no result; only once it is over, and not cancelled."""
        return self._error

    def result(self) -> T:
        """Return the result; only once it is over.

        Raises:
            BaseException: what was set instead.
        """
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # there is one, since it is over without an error

    def set_result(self, result: T) -> None:
        """Answer; once, and not when it is over."""
        assert not self._is_over, "a promise is kept once"
        self._result = result
        self._is_over = True
        listener = self._listener
        if listener is not None:  # as `_tell` does, in one call less: every message waits for two of these
            self._listener = None
            try:
                listener(self)
            except Exception as error:
                _report(error)

    def set_exception(self, error: BaseException) -> None:
        """Say why there is no result; once, and not when it is over."""
        assert not self._is_over, "a promise is kept once"
        self._error = error
        self._is_over = True
        if self._listener is not None:
            self._tell(self._listener)

    def cancel(self) -> bool:
        """Wait no more; tell whether that came in time."""
        if self._is_over:
            return False
        self.set_exception(asyncio.CancelledError())
        return True

    def _tell(self, listener: "Callable[[Promise[T]], object]") -> None:
        self._listener = None  # which may hold this promise
        try:
            listener(self)
        except Exception as error:
            _report(error)

    def __await__(self) -> Generator[object, None, T]:
        if not self._is_over:
            came: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.add_done_callback(lambda _: None if came.done() else came.set_result(None))
            try:
                yield from came
            except BaseException:
                self.cancel()
                raise
        return self.result()


def _report(error: Exception) -> None:
    """Do as the loop does with what a callback of its own raises: others wait for answers, too."""
    asyncio.get_running_loop().call_exception_handler(
        {"message": "a listener to a promise failed", "exception": error}
    )
