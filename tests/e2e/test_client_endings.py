"""Our client against a server that does not let go, over real sockets."""

import gc
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mailrail import SendError, send_sync

pytestmark = pytest.mark.e2e

RAW = b"From: ann@sender.example\r\nTo: bob@receiver.example\r\n\r\nhi\r\n"
TIMEOUT_S = 20.0


@contextmanager
def server_that_refuses_and_stays() -> Iterator[int]:
    """Run one whose greeting is a refusal and that never closes its side; gives its port."""
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"554 5.3.2 not today\r\n")
            over.wait(TIMEOUT_S)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join()


def test_a_refused_session_leaves_no_socket_behind_when_the_loop_ends_at_once() -> None:
    with warnings.catch_warnings(record=True) as seen, server_that_refuses_and_stays() as port:
        warnings.simplefilter("always")
        with pytest.raises(SendError, match="not today"):
            send_sync(RAW, "127.0.0.1", port, tls="none")
        gc.collect()
    assert [str(one.message) for one in seen if issubclass(one.category, ResourceWarning)] == []
