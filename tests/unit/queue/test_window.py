"""The concurrency window: grows on success, shrinks on failure, sleeps when dead."""

from hypothesis import given
from hypothesis import strategies as st

from mailrail.queue.settings import WindowSettings
from mailrail.queue.window import Window

SETTINGS = WindowSettings()


def test_a_window_full_of_successes_widens_it_by_about_one() -> None:
    window = Window(SETTINGS, most=20)
    for _ in range(5):
        window.succeeded()
    assert 5.8 < window.size <= 6.0


def test_it_never_grows_beyond_the_limit() -> None:
    window = Window(SETTINGS, most=8)
    for _ in range(1000):
        window.succeeded()
    assert window.size == 8.0


def test_a_cohort_of_failures_without_a_success_means_death() -> None:
    window = Window(SETTINGS, most=20)
    verdicts = [window.failed() for _ in range(5)]
    assert verdicts.index(True) == 3, "1/5 + 1/4 + 1/3 + 1/2 exceeds one window"


def test_successes_between_failures_keep_it_alive() -> None:
    window = Window(SETTINGS, most=20)
    for _ in range(50):
        assert not window.failed()
        window.succeeded()
        window.succeeded()


def test_sleep_doubles_to_the_longest_and_a_failed_probe_sleeps_at_once() -> None:
    window = Window(SETTINGS, most=20)
    sleeps = []
    for _ in range(7):
        sleeps.append(window.sleep_s())
        assert window.size == 1.0
        assert window.failed()
    assert sleeps == [60, 120, 240, 480, 960, 1800, 1800]


def test_sleep_by_our_own_fault_does_not_grow() -> None:
    window = Window(SETTINGS, most=20)
    assert [window.sleep_s(growing=False) for _ in range(3)] == [60, 60, 60]


def test_one_success_after_sleep_brings_the_first_window_back() -> None:
    window = Window(SETTINGS, most=20)
    window.sleep_s()
    window.succeeded()
    assert (window.size, window.sleeps) == (5.0, 0)


@given(st.lists(st.sampled_from(["ok", "bad", "sleep"])), st.integers(1, 50))
def test_the_size_stays_between_one_and_the_limit(story: list[str], most: int) -> None:
    window = Window(SETTINGS, most=most)
    for step in story:
        if step == "ok":
            window.succeeded()
        elif step == "bad":
            window.failed()
        else:
            window.sleep_s()
        assert 1.0 <= window.size <= most
