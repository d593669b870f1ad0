"""Listening sockets that are opened once, or come from a service manager."""

import os
import socket
from pathlib import Path

import pytest

from mailrail.config import ListenerSettings, MailrailSettings
from mailrail.daemon import handing
from mailrail.model import NetError, SettingsError
from mailrail.net import Endpoint

HOST = "mx1.example.org"


def listening_at(*addresses: str) -> MailrailSettings:
    return MailrailSettings(
        hostname=HOST, listener=tuple(ListenerSettings(address=address) for address in addresses)
    )


def test_a_socket_is_opened_for_each_listener_that_has_none_already(tmp_path: Path) -> None:
    file = tmp_path / "sock"
    settings = listening_at("127.0.0.1:0", f"unix:{file}", "127.0.0.1:25")
    made = handing.opened(settings, [Endpoint("127.0.0.1", 25)])
    assert [endpoint for endpoint, _ in made] == [Endpoint("127.0.0.1", 0), Endpoint(str(file), 0)]
    with socket.create_connection(made[0][1].getsockname()):
        pass
    assert file.stat().st_mode & 0o777 == 0o600
    handing.put_away(made)
    assert not file.exists()
    handing.put_away([])


def test_an_address_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(NetError, match=f"listen on 127.0.0.1:{port}"):
            handing.opened(listening_at(f"127.0.0.1:{port}"), [])


def test_a_socket_that_no_listener_is_for_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        where = Endpoint(*sock.getsockname())
        monkeypatch.setattr(handing, "sockets_of_service_manager", lambda *_: [(where, sock)])
        assert handing.passed(listening_at(str(where))) == [(where, sock)]
        with pytest.raises(SettingsError, match=f"a socket for {where}"):
            handing.passed(listening_at("127.0.0.1:25"))


def test_without_a_service_manager_nothing_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert handing.passed(listening_at("127.0.0.1:25")) == []
