"""A result as rows, values and a picture."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from mailrail.sim.ledger import DestinationCount, Summary, Violation
from mailrail.sim.scenario import Result, ScenarioSettings, as_values, broken, rows, worst
from mailrail.sim.scenario.plot import PlotUnavailableError, check_plot, write_plot
from mailrail.sim.scenario.samples import Sample
from mailrail.sim.scenario.tables import delay_words


def result(*violations: Violation) -> Result:
    good = DestinationCount("good.example", 3, 3, delays_s=[0.2, 0.3, 42.0])
    slow = DestinationCount(
        "slow.example",
        2,
        1,
        0,
        1,
        deferrals=4,
        retries=3,
        delays_s=[7200.0],
        replies=Counter({"450 later": 2}),
    )
    total = DestinationCount("all", 5, 4, 0, 1, deferrals=4, retries=3, delays_s=[0.2, 0.3, 42.0, 7200.0])
    settings = ScenarioSettings.model_validate(
        {"title": "a test", "node": {"mx": {"settings": {"hostname": "mx.ours.example"}}}}
    )
    samples = [Sample(0.0, 0, 0, 0, 0, 0), Sample(1800.0, 2, 3, 1, 4, 0), Sample(3600.0, 1, 5, 4, 4, 0)]
    summary = Summary([good, slow], total, Counter({"taken": 5, "recipients": 5}))
    return Result("test", settings, summary, violations, samples, (), 0, (), 1.5)


def test_each_destination_has_a_row_and_the_last_one_is_the_sum() -> None:
    found = list(rows(result()))
    assert [row[0] for row in found] == ["good.example", "slow.example", "all"]
    assert found[1][1:] == ("2", "1", "0", "1", "4", "3", "0", "2h00m", "2h00m")


def test_the_worst_destinations_are_told_with_what_was_heard_there() -> None:
    assert list(worst(result())) == [("slow.example", "450 later (2 times)")]


def test_each_broken_rule_is_told_once_with_the_history_of_its_first_message() -> None:
    first = Violation(5.0, "1.1", "lost", "bob got nothing", ("day 0 offered", "day 0 answered"))
    lines = list(
        broken([first, Violation(6.0, "2.1", "lost", "eve got nothing"), Violation(7.0, "", "left", "x")])
    )
    assert lines == [
        "lost: message 1.1, bob got nothing (and 1 more)",
        "    day 0 offered",
        "    day 0 answered",
        "left: x",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0s"), (9.9, "9.9s"), (9.96, "10s"), (59.6, "1m00s"), (312, "5m12s"), (11_220, "3h07m")],
)
def test_delays_are_written_with_the_digits_that_matter(seconds: float, words: str) -> None:
    assert delay_words(seconds) == words


def test_the_values_are_json() -> None:
    values = json.loads(json.dumps(as_values(result(Violation(5.0, "1.1", "lost", "bob got nothing")))))
    assert values["destinations"][1]["delay_p99_s"] == 7200.0
    assert values["violations"][0]["rule"] == "lost"
    assert len(values["samples"]) == 3


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_plot(result(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(PlotUnavailableError, match=r"pip install 'mailrail\[sim\]'"):
        check_plot()
