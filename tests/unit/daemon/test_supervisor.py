"""The supervisor on processes that do as a test says, in time that it hands out."""

import signal
from collections import deque
from collections.abc import Callable, Sequence

import pytest

from mailrail.daemon.events import WorkerEnded
from mailrail.daemon.supervisor import LONGEST_WAIT_S, Ended, News, Ready, Supervisor, Told
from mailrail.observe import Bus, Event

TERM = int(signal.SIGTERM)


class FakeProcesses:
    """Hands out numbers for processes, and the news that stand in the script, one step a wait."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.started: list[tuple[int, bool]] = []
        self.sent: list[tuple[int, int]] = []
        self.waits: list[float | None] = []
        self.script: deque[Callable[[], Sequence[News]]] = deque()

    def now(self) -> float:
        return self.time_s

    def start(self, number: int, *, is_again: bool) -> int:
        self.started.append((number, is_again))
        return 100 + len(self.started)

    def send(self, pid: int, signal_number: int) -> None:
        self.sent.append((pid, signal_number))

    def wait(self, timeout_s: float | None) -> Sequence[News]:
        self.waits.append(timeout_s)
        if not self.script:
            raise AssertionError("the supervisor waits for more than happens")
        return self.script.popleft()()

    def then(self, *news: News, after_s: float = 0.0) -> None:
        def step() -> Sequence[News]:
            self.time_s += after_s
            return news

        self.script.append(step)


class Bench:
    """A supervisor on fakes."""

    def __init__(self, workers: int, leftovers: Sequence[int] = ()) -> None:
        self.processes, self.events, self.gone = FakeProcesses(), list[Event](), list[int]()
        bus = Bus()
        bus.listen(self.events.append)
        self.stops: list[int] = []
        self.supervisor = Supervisor(
            range(workers),
            leftovers,
            self.processes,
            bus,
            self.gone.append,
            lambda: self.stops.append(len(self.processes.sent)),
        )

    def begin(self) -> None:
        """Have worker 0 (process 101) and 1 (102) started and ready."""
        self.processes.then(Ready(101))
        self.processes.then(Ready(102))

    def end(self, *pids: int) -> int:
        """Stop, have *pids* end well, and return the exit code."""
        self.processes.then(Told(TERM))
        self.processes.then(*(Ended(pid, 0) for pid in pids))
        return self.supervisor.run()


def test_worker_0_is_ready_before_the_others_are_started() -> None:
    bench = Bench(3)
    bench.processes.then()
    bench.processes.then(Ready(101))
    bench.processes.then()
    assert bench.end(101, 102, 103) == 0
    assert bench.processes.started == [(0, False), (1, False), (2, False)]
    assert bench.processes.waits[:2] == [None, None]


def test_asked_to_stop_it_asks_all_and_ends_when_the_last_has_ended() -> None:
    bench = Bench(2)
    bench.begin()
    bench.processes.then(Told(TERM))
    bench.processes.then(Ended(102, 0))
    bench.processes.then(Ended(101, 0))
    assert bench.supervisor.run() == 0
    assert bench.processes.sent == [(101, TERM), (102, TERM)]
    assert bench.stops == [0]  # before anybody was asked
    assert bench.events == []


def test_asked_again_it_asks_again_those_that_are_still_there() -> None:
    bench = Bench(2)
    bench.begin()
    bench.processes.then(Told(TERM))
    bench.processes.then(Ended(102, 0))
    bench.processes.then(Told(TERM))
    bench.processes.then(Ended(101, 0))
    assert bench.supervisor.run() == 0
    assert bench.processes.sent == [(101, TERM), (102, TERM), (101, TERM)]
    assert bench.stops == [0]


def test_a_worker_that_dies_is_started_again_after_a_moment_and_told() -> None:
    bench = Bench(2)
    bench.begin()
    bench.processes.then(Ended(102, -9))
    bench.processes.then(after_s=0.1)
    assert bench.end(101, 103) == 0
    assert bench.processes.started[2:] == [(1, True)]
    assert bench.events == [WorkerEnded(number=1, process=102, how="SIGKILL", wait_s=0.1)]
    assert bench.gone[0] == 1
    assert bench.processes.waits[3] == pytest.approx(0.1)


def test_one_that_dies_again_and_again_waits_longer_each_time_up_to_a_bound() -> None:
    bench = Bench(1)
    bench.processes.then(Ready(101))
    for turn in range(15):
        bench.processes.then(Ended(101 + turn, 1))
        bench.processes.then(after_s=LONGEST_WAIT_S)
        # what is started in between lives no longer than the wait
    bench.end(116)
    waits = [event.wait_s for event in bench.events if isinstance(event, WorkerEnded)]
    assert waits[:4] == [0.1, 0.2, 0.4, 0.8]
    assert waits[-1] == LONGEST_WAIT_S
    assert all(event.how == "exit code 1" for event in bench.events if isinstance(event, WorkerEnded))


def test_one_that_has_lived_long_is_started_again_at_once() -> None:
    bench = Bench(1)
    bench.processes.then(Ready(101))
    for turn in range(3):
        bench.processes.then(Ended(101 + turn, 1), after_s=61)
        bench.processes.then(after_s=0.1)
    bench.end(104)
    assert [event.wait_s for event in bench.events if isinstance(event, WorkerEnded)] == [0.1, 0.1, 0.1]


@pytest.mark.parametrize(("code", "exit_code"), [(78, 78), (-9, 137)])
def test_one_that_dies_before_all_were_ready_ends_all_with_its_exit_code(code: int, exit_code: int) -> None:
    bench = Bench(2)
    bench.processes.then(Ready(101))
    bench.processes.then(Ended(102, code))
    bench.processes.then(Ended(101, 0))
    assert bench.supervisor.run() == exit_code
    assert bench.processes.sent == [(101, TERM)]
    assert bench.events == []


def test_worker_0_may_die_while_the_others_go_on_and_be_started_again() -> None:
    bench = Bench(2)
    bench.begin()
    bench.processes.then(Ended(101, -11))
    bench.processes.then(Ended(102, -11))
    bench.processes.then(after_s=1)
    assert bench.end(103, 104) == 0
    assert bench.processes.started[2:] == [(0, True), (1, True)]


def test_a_hang_up_is_passed_on_to_those_that_are_ready() -> None:
    bench = Bench(2)
    bench.processes.then(Ready(101))
    bench.processes.then(Told(signal.SIGHUP))
    bench.processes.then(Ready(102))
    bench.processes.then(Told(signal.SIGHUP))
    bench.end(101, 102)
    hang_ups = [(pid, number) for pid, number in bench.processes.sent if number == signal.SIGHUP]
    assert hang_ups == [(101, signal.SIGHUP), (101, signal.SIGHUP), (102, signal.SIGHUP)]


def test_who_has_emptied_a_spool_that_is_left_over_is_not_started_again() -> None:
    bench = Bench(1, leftovers=[1])
    bench.begin()
    bench.processes.then(Ended(102, 0))
    assert bench.end(101) == 0
    assert bench.processes.started == [(0, False), (1, False)]
    assert bench.events == []


def test_who_could_not_empty_one_is_started_again_and_ends_nobody() -> None:
    bench = Bench(1, leftovers=[1])
    bench.processes.then(Ready(101))
    bench.processes.then(Ended(102, 75))
    bench.processes.then(after_s=0.1)
    assert bench.end(101, 103) == 0
    assert bench.processes.started == [(0, False), (1, False), (1, True)]


def test_a_worker_that_ends_without_being_asked_is_started_again() -> None:
    bench = Bench(1)
    bench.processes.then(Ready(101))
    bench.processes.then(Ended(101, 0))
    bench.processes.then(after_s=0.1)
    bench.end(102)
    assert bench.processes.started == [(0, False), (0, True)]


def test_nobody_is_started_while_it_stops() -> None:
    bench = Bench(2)
    bench.begin()
    bench.processes.then(Told(TERM), Ended(102, -9))
    bench.processes.then(Ended(101, 0))
    assert bench.supervisor.run() == 0
    assert len(bench.processes.started) == 2
