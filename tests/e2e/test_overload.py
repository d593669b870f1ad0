"""A39, A40, A41, A72: crowds that mean no good against the real server, small ones; `make overload` sends the large."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.peers.programs import ROOT

TIMEOUT_S = 240
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(TIMEOUT_S)]

Row = Mapping[str, Any]
MEGABYTES_A_SESSION = 1.0
FLOOD = "connections from one address"
CROWDS = (
    "idle sessions",
    "garbage as fast as it goes",
    "commands as fast as they go",
    FLOOD,
    "large messages at once",
    "idle sessions again",
    "a byte a second written",
    "a byte a second read",
    "no answer ever read",
    "half-open",
    "a byte a second of a message",
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one quick run wrote."""
    base = tmp_path_factory.mktemp("overload")
    out = base / "overload.json"
    done = subprocess.run(
        # It ends its servers when it is asked to end, which a mere time-out of ours would not do.
        [
            "timeout",
            "--kill-after=20",
            str(TIMEOUT_S - 40),
            sys.executable,
            "-m",
            "bench.overload",
            "--quick",
            "--dir",
            str(base),
            "--out",
            str(out),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def row_of(told: dict[str, Any], name: str) -> Row:
    """Return a crowd's row, or skip loudly where this machine cannot send it."""
    if name in told["skipped"]:
        pytest.skip(told["skipped"][name])
    (row,) = [row for row in told["rows"] if row["name"] == name]
    found: Row = row
    return found


@pytest.mark.parametrize("name", CROWDS)
def test_a39_beside_a_crowd_honest_mail_goes_on_and_after_it_nothing_is_left(
    told: dict[str, Any], name: str
) -> None:
    row = row_of(told, name)
    figures = row["figures"]
    assert figures["honest messages/s"] > 0
    assert figures["honest refused"] == 0
    assert (figures["promised and missing"], figures["arrived twice"]) == (0, 0)
    assert figures["sessions after"] == 0
    assert figures["descriptors after"] <= figures["descriptors before"] + 25
    assert figures["CPU at rest after"] < 0.5, "a busy loop"
    assert figures["memory peak MB"] - figures["memory before MB"] < 10 + MEGABYTES_A_SESSION * row["size"]


def test_a39_idle_sessions_are_kept_and_cost_little_and_the_second_crowd_nothing_more(
    told: dict[str, Any],
) -> None:
    first, again = row_of(told, "idle sessions"), row_of(told, "idle sessions again")
    assert first["figures"]["sessions"] >= first["size"]
    assert first["figures"]["memory peak MB"] - first["figures"]["memory before MB"] < 15
    assert again["figures"]["memory peak MB"] - again["figures"]["memory before MB"] < 5


def test_a39_one_address_has_twenty_sessions_and_hears_why_it_gets_no_more(told: dict[str, Any]) -> None:
    row = row_of(told, FLOOD)
    assert row["facts"]["220"] == 20
    assert row["facts"]["421 4.7.0"] == row["size"] - 20
    assert row["figures"]["descriptors"] < row["figures"]["descriptors before"] + 60


@pytest.mark.parametrize(
    "name", ["a byte a second written", "a byte a second read", "no answer ever read", "half-open"]
)
def test_a39_a40_who_is_too_slow_or_gone_is_ended_by_the_server(told: dict[str, Any], name: str) -> None:
    row = row_of(told, name)
    assert 0 < row["figures"]["ended by the server after s"] < 30


def test_a41_who_sends_garbage_is_cut_off(told: dict[str, Any]) -> None:
    assert row_of(told, "garbage as fast as it goes")["facts"]["cut off"] > 0


def test_many_large_messages_at_once_are_taken_in_bounded_memory(told: dict[str, Any]) -> None:
    row = row_of(told, "large messages at once")
    assert row["facts"]["taken"] == row["size"]
    assert row["figures"]["memory peak MB"] - row["figures"]["memory before MB"] < row["size"] * 3
