"""`mailq`: columns that scripts of forty years read."""

import json
from typing import Any

import pytest

from mailrail.sendmail.listing import _messages, _waiting, json_line, lines


def row(queue_id: str, *recipients: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return {
        "queue_id": queue_id,
        "destination": "mx:example.org",
        "sender": "ann@example.org",
        "recipients": [{"address": address, "last_reply": reply} for address, reply in recipients],
        "size_bytes": 1500,
        "arrived_us": 1_750_000_000_000_000,
        "attempts": 1,
        "held": False,
        "is_active": False,
        **fields,
    }


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(time, "localtime", time.gmtime)


ROWS = [
    row(
        "2ZxJ8WCl49r", ("bob@example.net", "451 4.4.1 No answer"), ("eve@example.net", "451 4.4.1 No answer")
    ),
    row("2ZxJ8WCl49r", ("carl@example.org", ""), destination="mx:example.com"),
    row("2ZxJ8Z2sknD", ("dora@example.org", ""), sender="<>", size_bytes=123_456, is_active=True),
    row("2ZxJ8Z2sknF", ("\x1b[2J@example.org", "x"), held=True),
]


def test_the_queue_is_listed_in_the_columns_of_postfix() -> None:
    assert "\n".join(lines(_messages(ROWS))) == (
        "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"
        "2ZxJ8WCl49r           1500 Sun Jun 15 15:06:40 ann@example.org\n"
        "                                                         (451 4.4.1 No answer)\n"
        "                                               bob@example.net\n"
        "                                               eve@example.net\n"
        "                                                          (reason unavailable)\n"
        "                                               carl@example.org\n"
        "\n"
        "2ZxJ8Z2sknD*        123456 Sun Jun 15 15:06:40 MAILER-DAEMON\n"
        "                                               dora@example.org\n"
        "\n"
        "2ZxJ8Z2sknF!          1500 Sun Jun 15 15:06:40 ann@example.org\n"
        "                                                                           (x)\n"
        "                                               ?[2J@example.org\n"
        "\n"
        "-- 123 Kbytes in 3 Requests."
    )


def test_an_empty_queue_is_said_to_be_empty_in_the_words_that_monitors_look_for() -> None:
    assert list(lines([])) == ["Mail queue is empty"]
    assert list(lines([row("2ZxJ8WCl49r", ("bob", ""))]))[-1] == "-- 1 Kbytes in 1 Request."


def handed_in(**fields: Any) -> dict[str, Any]:
    return {
        "id": "0186f2a1b3c4d5e6",
        "place": "new/0186f2a1b3c4d5e6-1f-0011223344556677",
        "user": "ann",
        "sender": "ann@example.org",
        "recipients": ["bob@example.net"],
        "size_bytes": 2048,
        "arrived_us": 1_750_000_000_000_000,
        "problem": "",
        **fields,
    }


def test_mail_in_the_maildrop_has_a_mark_and_the_name_of_its_queue() -> None:
    bad = handed_in(recipients=[], size_bytes=0, problem="it is no mail\n", sender="eve")
    assert "\n".join(lines(map(_waiting, [handed_in(), bad]))) == (
        "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"
        "0186f2a1b3c4d5e6+     2048 Sun Jun 15 15:06:40 ann@example.org\n"
        "                                               bob@example.net\n"
        "\n"
        "0186f2a1b3c4d5e6+        0 Sun Jun 15 15:06:40 eve\n"
        "                                                              (it is no mail?)\n"
        "\n"
        "-- 2 Kbytes in 2 Requests."
    )
    found = json.loads(json_line(_waiting(handed_in(sender="<>"))))
    assert (found["queue_name"], found["sender"]) == ("maildrop", "MAILER-DAEMON")
    assert found["recipients"] == [{"address": "bob@example.net"}]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "deferred"),
        ({"attempts": 0}, "incoming"),
        ({"held": True}, "hold"),
        ({"is_active": True}, "active"),
    ],
)
def test_the_json_has_the_keys_of_postqueue(fields: dict[str, Any], name: str) -> None:
    found = json.loads(json_line(row("2ZxJ8WCl49r", ("bob", ""), ("eve", "451 no"), **fields)))
    assert found == {
        "queue_name": name,
        "queue_id": "2ZxJ8WCl49r",
        "arrival_time": 1_750_000_000,
        "message_size": 1500,
        "forced_expire": False,
        "sender": "ann@example.org",
        "recipients": [{"address": "bob"}, {"address": "eve", "delay_reason": "451 no"}],
    }
