"""Listening sockets that somebody else opened."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrail.model import NetError
from mailrail.net import Endpoint, Handed, open_listening, sockets_of_service_manager
from mailrail.net import handed as room

ANY = Endpoint("127.0.0.1", 0)


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        yield made


def test_nothing_is_handed_for_another_address(sock: socket.socket) -> None:
    assert Handed([(ANY, sock)]).take(Endpoint("127.0.0.1", 25)) is None


def test_of_several_sockets_at_any_free_port_each_is_handed_in_turn() -> None:
    made = [open_listening(ANY, 1) for _ in range(2)]
    handed = Handed([(ANY, one) for one in made])
    taken = [handed.take(ANY) for _ in range(3)]
    names = [one.getsockname() for one in taken if one is not None]
    assert names == [made[0].getsockname(), made[1].getsockname(), made[0].getsockname()]
    for one in (*made, *taken):
        assert one is not None
        one.close()


def test_sockets_for_another_process_are_not_touched() -> None:
    assert sockets_of_service_manager({}, 7, 1) == []
    assert sockets_of_service_manager({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, 7, 1) == []
    assert sockets_of_service_manager({"LISTEN_PID": "7", "LISTEN_FDS": "x"}, 7, 1) == []


def test_descriptors_of_the_service_manager_become_sockets_that_listen(
    sock: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = sock.getsockname()
    number = os.dup(sock.fileno())
    monkeypatch.setattr(room, "_FIRST", number)
    ((endpoint, found),) = sockets_of_service_manager({"LISTEN_PID": "7", "LISTEN_FDS": "1"}, 7, 5)
    with found:
        assert endpoint == Endpoint(*where)
        assert not os.get_inheritable(number)
        with socket.create_connection(where):
            pass


def test_a_descriptor_that_is_no_socket_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "file").open("wb") as file:
        monkeypatch.setattr(room, "_FIRST", os.dup(file.fileno()))
    with pytest.raises(NetError, match="passed by the service manager, cannot listen"):
        sockets_of_service_manager({"LISTEN_PID": "7", "LISTEN_FDS": "1"}, 7, 5)
    os.close(room._FIRST)
