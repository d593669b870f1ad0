"""The rate limit: so many messages in a time, told as a wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.queue.rate import Bucket
from mailrail.queue.settings import DestinationSettings, QueueSettings, parse_rate


@given(st.floats(0.001, 1000), st.floats(0, 1e6))
def test_whoever_waits_as_told_gets_a_token(per_s: float, start_s: float) -> None:
    now_s, bucket = start_s, Bucket(per_s, start_s)
    for _ in range(20):
        wait_s = bucket.wait_s(now_s)
        now_s += wait_s
        assert bucket.wait_s(now_s) <= 1e-6 / per_s + 1e-9
        bucket.take()
    assert now_s - start_s == pytest.approx(19 / per_s, rel=1e-2)


def test_tokens_are_not_saved_beyond_the_burst() -> None:
    bucket = Bucket(1.0, 0.0, burst=2)
    assert bucket.wait_s(1000.0) == 0.0
    bucket.take()
    bucket.take()
    assert bucket.wait_s(1000.0) == 1.0


def test_time_that_stands_still_gives_no_tokens() -> None:
    bucket = Bucket(1.0, 10.0)
    bucket.take()
    assert bucket.wait_s(10.0) == bucket.wait_s(9.0) == 1.0


@pytest.mark.parametrize(("per_s", "burst"), [(0, 1), (-1, 1), (1, 0.5)])
def test_a_bucket_that_never_gives_is_refused(per_s: float, burst: float) -> None:
    with pytest.raises(ValueError, match="need"):
        Bucket(per_s, 0.0, burst)


@pytest.mark.parametrize(
    ("text", "per_s"), [("5/s", 5), ("10/min", 1 / 6), ("36/h", 0.01), ("86400 / d", 1), (2.5, 2.5)]
)
def test_a_rate_is_written_as_messages_per_time(text: object, per_s: float) -> None:
    assert parse_rate(text) == pytest.approx(per_s)


@pytest.mark.parametrize("text", ["10", "10/week", "fast", "/s", "-1/s"])
def test_a_rate_that_is_none_says_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match="10/min"):
        parse_rate(text)


def test_a_destination_has_limits_of_its_own_by_domain_or_host() -> None:
    settings = QueueSettings(
        rate=7.0,
        destination={
            "example.org": DestinationSettings.model_validate({"connections": 2, "rate": "10/min"}),
            "relay.example": DestinationSettings(connections=3),
        },
    )
    assert settings.limits("mx:example.org") == (2, 10 / 60)
    assert settings.limits("host:relay.example:587;tls=verify") == (3, 7.0)
    assert settings.limits("mx:other.example") == (20, 7.0)
