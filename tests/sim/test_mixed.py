"""The mixed scenario, a few seeds of it; `make sim` runs a thousand. And: the same seed gives the same run."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailrail.sim.campaign import replay_command, run_campaign
from mailrail.sim.mixed import Report, run_mixed
from mailrail.spool import opening

ROOT = Path(__file__).parents[2]
REPLAY = """
import sys
from mailrail.sim.mixed import run_mixed
print(*run_mixed(int(sys.argv[1]), days=0.3, is_told=True).timeline, sep="\\n")
"""
SRC = str(ROOT / "src")


def told(report: Report) -> str:
    lines = [line for one in report.violations for line in (one.rule, one.words, *one.history)]
    return "\n".join([*lines, f"see it: {replay_command(report.seed, report.days)}"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_no_rule_is_broken_in_hours_of_crashes_and_outages(seed: int) -> None:
    report = run_mixed(seed, days=0.5)
    assert report.violations == (), told(report)
    assert report.summary.counts["taken"] > 30
    assert report.summary.counts["crashes"] > 0


@pytest.mark.slow
def test_in_a_day_everybody_is_met() -> None:
    report = run_mixed(1, days=1.0, is_told=True)
    timeline = "\n".join(report.timeline)
    met = {count.domain for count in report.summary.destinations}
    assert {"ours.example", "box.example", "good.example", "grey.example", "throttled.example"} < met
    assert {"dropping.example", "broken-tls.example", "tar.slow.example", "lying.slow.example"} < met
    assert "tls='TLSv1.3" in timeline
    assert "TlsFellBack" in timeline
    assert "452 4.2.0 Mailbox busy" in timeline
    assert "client='203.0.113.66'" in timeline


@pytest.mark.slow
def test_a_spool_whose_own_name_is_not_synced_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first fault that this scenario found: a power cut took the new directory, and all mail in it."""
    monkeypatch.setattr(opening, "secure_directory", lambda _disk, _path: None)
    assert "lost" in {violation.rule for violation in run_mixed(63, days=0.25).violations}


@pytest.mark.slow
@pytest.mark.timeout(300)  # three processes, one after the other
def test_equal_seeds_give_equal_runs_in_every_process_and_others_do_not() -> None:
    def replay(seed: int, hash_seed: str) -> str:
        command = [sys.executable, "-c", REPLAY, str(seed)]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": SRC}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    first = replay(5, "1")
    assert len(first.splitlines()) > 50
    assert first == replay(5, "2")
    assert first != replay(6, "1")


@pytest.mark.slow
def test_listening_does_not_change_what_happens() -> None:
    loud, silent = run_mixed(8, days=0.1, is_told=True), run_mixed(8, days=0.1)
    assert loud.summary == silent.summary
    assert len(loud.timeline) > len(silent.timeline)


@pytest.mark.slow
def test_a_campaign_counts_all_seeds() -> None:
    out = io.StringIO()
    tally = run_campaign(range(1, 3), 0.05, 2, out)
    assert tally.seeds == 2
    assert "2 seeds, 2 simulated hours" in out.getvalue()
    assert "mailrail sim --seed 1 " in replay_command(1, 3)


def test_a_campaign_goes_on_when_its_processes_have_had_their_share() -> None:
    assert run_campaign(range(1, 6), 0.01, 2, io.StringIO(), fresh_after=1).seeds == 5
