"""`mailrail queue` on the stored queue of a server that does not run."""

import json
import os
from pathlib import Path
from pwd import getpwuid

import pytest
from tests.support.maildrops import hand_in, put
from tests.unit.cli.conftest import REPLY, Program

from mailrail.cli.exits import Exit
from mailrail.maildrop import Handed
from mailrail.model import NetError, NetTrouble, QueueId, format_id
from mailrail.net import Endpoint, SocketNetwork
from mailrail.spool import SystemDisk


def test_list_shows_a_line_for_each_item_and_the_last_answer(
    mailrail: Program, stored: list[QueueId]
) -> None:
    said = mailrail("queue", "list")
    lines = said.out.splitlines()
    assert lines[0].split() == ["ID", "SIZE", "AGE", "NEXT", "TRY", "TRIES", "SENDER", "RECIPIENT"]
    queue_id, *size, age, due, tries, sender, recipient, more = lines[1].split()
    assert (queue_id, size, due, tries) == (stored[0], ["21", "B"], "now", "0")
    assert (sender, recipient, more) == ("alice@example.com", "bob0@example.org", "+1")
    assert age[-1:] == "s"
    assert lines[2] == f"    {REPLY}"
    assert lines[3].split()[-3:] == ["<>", "bob1@example.org", "+1"]
    assert lines[-1] == "-- 3 items"


def test_list_as_json_is_an_object_a_line(mailrail: Program, stored: list[QueueId]) -> None:
    rows = [json.loads(line) for line in mailrail("queue", "list", "--json").out.splitlines()]
    assert [row["queue_id"] for row in rows] == stored
    assert rows[0]["recipients"] == [
        {"address": "bob0@example.org", "last_reply": REPLY, "notify": "", "target": "", "returns_to": ""},
        {
            "address": "c@example.net",
            "last_reply": "",
            "notify": "",
            "target": "|/bin/cat",
            "returns_to": "owner-l@example.org",
        },
    ]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--sender", "alice@example.com"], [0]),
        (["--sender", "<>"], [1]),
        (["--sender", "EXAMPLE.net"], [2]),
        (["--recipient", "bob2@example.org"], [2]),
        (["--domain", "example.net"], [0, 1, 2]),
        (["--destination", "mx:example.net"], []),
        (["--held"], []),
        (["--not-held"], [0, 1, 2]),
    ],
)
def test_a_filter_chooses_the_items_it_names(
    options: list[str], numbers: list[int], mailrail: Program, stored: list[QueueId]
) -> None:
    rows = [
        json.loads(line)["queue_id"]
        for line in mailrail("queue", "list", "--json", *options).out.splitlines()
    ]
    assert rows == [stored[number] for number in numbers]


@pytest.fixture
def handed_in(config: Path, stored: list[QueueId]) -> None:
    """Three messages in the maildrop beside those that are queued, and a file that is none."""
    maildrop = config.parent / "spool" / "maildrop"
    (maildrop / "new").mkdir(parents=True)
    for number, sender in enumerate(("alice@example.com", "", "eve@EXAMPLE.net")):
        handed = Handed(["bob", "carl@example.net"], sender=sender)
        hand_in(SystemDisk(), f"{number:016x}-1f", handed, b"hello\r\n", maildrop=maildrop)
    put(SystemDisk(), f"{3:016x}-1f", b"no mail", maildrop)


def test_what_sendmail_has_handed_in_stands_above_what_is_queued(mailrail: Program, handed_in: None) -> None:
    lines = mailrail("queue", "list").out.splitlines()
    me = getpwuid(os.geteuid()).pw_name
    assert lines[0].split() == ["HANDED", "IN", "SIZE", "AGE", "BY", "SENDER", "RECIPIENT"]
    place, *size, age, by, sender, recipient, more = lines[1].split()
    assert (place, size, by, more) == ("0000000000000000", ["7", "B"], me, "+1")
    assert (sender, recipient) == ("alice@example.com", "bob@mx1.example.org")
    assert age[-1:] == "s"
    assert lines[5].startswith("    it does not begin as mail that was handed in")
    assert lines[-2:] == ["-- 3 items", "-- 4 handed in and not taken up yet"]
    lines = mailrail("queue", "list", "--limit", "1").out.splitlines()
    assert (lines[1].split()[0], lines[2]) == ("0000000000000000", "")
    assert lines[-1] == "-- 4 handed in and not taken up yet"


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ([], [0, 1, 2, 3]),
        (["--limit", "2"], [0, 1]),
        (["--not-held"], [0, 1, 2, 3]),
        (["--held"], []),
        (["--destination", "mx:example.org"], []),
        (["--sender", "alice@example.com"], [0]),
        (["--sender", "<>"], [1]),
        (["--sender", "example.net"], [2]),
        (["--recipient", "bob@mx1.example.org"], [0, 1, 2]),
        (["--domain", "net"], []),
        (["2ZxJ8WCl49r"], []),
    ],
)
def test_a_filter_chooses_among_what_was_handed_in_too(
    options: list[str], numbers: list[int], mailrail: Program, handed_in: None
) -> None:
    rows = [json.loads(line) for line in mailrail("queue", "list", "--json", *options).out.splitlines()]
    assert [row["id"] for row in rows if "id" in row] == [f"{number:016x}" for number in numbers]


def test_a_limit_says_how_much_more_there_is(mailrail: Program, stored: list[QueueId]) -> None:
    assert mailrail("queue", "list", "--limit", "2").out.endswith("-- 1 more item: --limit 0 shows all\n")
    assert mailrail("queue", "list", "--limit", "3").out.endswith("-- that is all\n")
    assert mailrail("queue", "list", "--limit", "0").out.endswith("-- 3 items\n")


def test_an_empty_answer_says_so(mailrail: Program, stored: list[QueueId]) -> None:
    assert mailrail("queue", "list", "--held").out == "Nothing like that waits.\n"
    mailrail("queue", "delete", "--all", "--yes")
    assert mailrail("queue", "list").out == "Nothing waits.\n"
    assert mailrail("queue", "stats").out == "Nothing waits.\n"


def test_show_tells_everything_about_a_message(mailrail: Program, stored: list[QueueId]) -> None:
    said = mailrail("queue", "show", stored[2])
    for words in (
        "from      eve@example.net",
        "client    192.0.2.1 (client.example) by ESMTPSA, logged in as ann",
        "envid     E1",
        "priority  2 (MT-PRIORITY)",
        "at mx:example.org: 2 tries, next try in 1h59m",
        "to bob2@example.org\n       451 4.4.1 No answer",
        "to c@example.net (|/bin/cat) from owner-l@example.org\n",
    ):
        assert words in said.out


def test_show_of_what_is_gone_is_an_error(mailrail: Program, stored: list[QueueId]) -> None:
    mailrail("queue", "delete", stored[0])
    said = mailrail("queue", "show", stored[0], stored[1])
    assert said.code == Exit.DATA
    assert stored[1] in said.out
    assert f"not in the queue (delivered, returned or deleted): {stored[0]}" in said.err


def test_stats_sum_up_by_destination(mailrail: Program, stored: list[QueueId]) -> None:
    assert mailrail("queue", "stats").out.splitlines()[1].split()[:3] == ["mx:example.org", "3", "0"]
    assert json.loads(mailrail("queue", "stats", "--json").out)["items"] == 3


def test_hold_and_release(mailrail: Program, stored: list[QueueId]) -> None:
    assert mailrail("queue", "hold", stored[0], stored[1]).out == "Held: 2 items.\n"
    assert mailrail("queue", "list", "--held").out.count("held") == 2
    assert mailrail("queue", "release", "--all", "--json").out == '{"items":2}\n'
    assert mailrail("queue", "list", "--held").out == "Nothing like that waits.\n"


def test_a_hold_without_ids_is_for_what_comes_too_and_is_shown_until_it_is_released(
    mailrail: Program, stored: list[QueueId]
) -> None:
    said = mailrail("queue", "hold", "--domain", "example.org")
    assert said.out == "Held: 3 items.\n"
    assert "Held too, as it comes: recipient example.org;" in said.err
    shown = "-- 3 items\n-- held as it comes: recipient example.org\n"
    assert mailrail("queue", "list").out.endswith(shown)
    mailrail("queue", "release", stored[0])
    assert mailrail("queue", "list").out.endswith(shown)
    mailrail("queue", "release", "--all")
    assert mailrail("queue", "list").out.endswith("-- 3 items\n")


def test_retry_makes_everything_due_now(mailrail: Program, stored: list[QueueId]) -> None:
    assert mailrail("queue", "retry", "--domain", "example.org").out == "Trying now: 3 items.\n"
    assert mailrail("queue", "list").out.count(" now ") == 3


def test_nothing_is_changed_without_a_choice(mailrail: Program, stored: list[QueueId]) -> None:
    for verb in ("hold", "release", "retry", "delete", "bounce"):
        said = mailrail("queue", verb)
        assert said.code == Exit.USAGE
        assert f"say what to {verb}: ids, --sender" in said.err
    assert mailrail("queue", "hold", "--all", stored[0]).code == Exit.USAGE


def test_what_cannot_be_undone_wants_a_yes(mailrail: Program, stored: list[QueueId]) -> None:
    said = mailrail("queue", "delete", "--all")
    assert said.code == Exit.USAGE
    assert "add --yes, or see with --dry-run" in said.err
    assert mailrail("queue", "delete", "--all", "--dry-run").out == "Would delete 3 items.\n"
    assert mailrail("queue", "list").out.endswith("-- 3 items\n")
    assert mailrail("queue", "delete", "--sender", "<>", "--yes").out == "Deleted: 1 item.\n"


def test_a_bounce_needs_a_running_server(mailrail: Program, stored: list[QueueId]) -> None:
    said = mailrail("queue", "bounce", "--all", "--yes")
    assert said.code == Exit.UNAVAILABLE
    assert "start it with mailrail serve" in said.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["xyz"], "is not a queue id"),
        (["--sender", "a@b_c"], "--sender: 'b_c' is not a domain"),
        (["--domain", "a.example", "--recipient", "b.example"], "give one of them"),
        (["--sender", f"{'a' * 400}@example.org"], "sender: String should have at most 320"),
        (["--limit", "-1"], "--limit"),
    ],
)
def test_a_choice_that_makes_no_sense_is_a_usage_error(
    options: list[str], words: str, mailrail: Program
) -> None:
    said = mailrail("queue", "list", *options)
    assert said.code == Exit.USAGE
    assert words in said.err


@pytest.mark.parametrize("limit", ["0", "10001"])
def test_stats_are_for_some_destinations_and_not_for_all(limit: str, mailrail: Program) -> None:
    assert mailrail("queue", "stats", "--limit", limit).code == Exit.USAGE


def test_more_ids_than_one_request_holds_are_a_usage_error(mailrail: Program) -> None:
    ids = [format_id(number << 20) for number in range(10_001)]
    said = mailrail("queue", "hold", *ids)
    assert said.code == Exit.USAGE
    assert "queue_ids: Tuple should have at most 10000 items" in said.err


def test_without_server_and_spool_the_error_says_what_to_do_and_makes_no_spool(
    mailrail: Program, config: Path
) -> None:
    said = mailrail("queue", "list")
    assert said.code == Exit.UNAVAILABLE
    assert "start one with mailrail serve" in said.err
    assert not (config.parent / "spool").exists()


def test_the_queue_of_another_user_is_refused(
    mailrail: Program, stored: list[QueueId], monkeypatch: pytest.MonkeyPatch
) -> None:
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    said = mailrail("queue", "list")
    assert said.code == Exit.NO_PERMISSION
    assert "run this as that user, like sudo -u" in said.err


def test_status_says_when_nobody_answers(mailrail: Program) -> None:
    said = mailrail("status")
    assert said.code == Exit.UNAVAILABLE
    assert said.err.startswith("mailrail: nobody answers at")
    assert "start it with mailrail serve" in said.err


def test_status_says_when_the_socket_is_for_others(
    mailrail: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(self: SocketNetwork, endpoint: Endpoint, *, timeout_s: float) -> None:
        raise NetError(NetTrouble.OTHER, f"connect to {endpoint}: Permission denied") from PermissionError()

    monkeypatch.setattr(SocketNetwork, "connect", connect)
    said = mailrail("status")
    assert said.code == Exit.NO_PERMISSION
    assert "run this as the server's user, or set admin.group_access" in said.err
