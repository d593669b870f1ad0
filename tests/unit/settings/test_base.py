"""Durations and sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mailrail.server import LimitSettings, ServerSettings, TimeoutSettings
from mailrail.settings import Duration, Settings, Size, setting
from mailrail.settings.base import parse_duration, parse_size


class Sample(Settings):
    wait_s: Duration = setting(5, "How long.", unit="s", ge=0, le=10**6)
    room_bytes: Size = setting(10, "How much.", unit="bytes", ge=0, le=2**50)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300s", 300), ("5m", 300), ("4h", 14400), ("5d", 432000), ("1w", 604800), ("1h30m", 5400), ("250ms", 0.25),
     ("1.5h", 5400), (" 2 m 3 s ", 123)],
)  # fmt: skip
def test_a_duration_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert Sample.model_validate({"wait_s": text}).wait_s == seconds


@pytest.mark.parametrize(
    ("text", "octets"),
    [("512", 512), ("64 KiB", 65536), ("35 MiB", 35 * 2**20), ("1 GB", 10**9), ("1.5k", 1500), ("7b", 7),
     ("9007199254740993", 9007199254740993)],
)  # fmt: skip
def test_a_size_is_read_as_people_write_it(text: str, octets: int) -> None:
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["", " ", "5", "m", "5x", "1h 5", "-5s", "5s!", "9" * 400 + "s", "1e3s"])
def test_a80_what_is_no_duration_is_an_error_with_a_mend(text: str) -> None:
    with pytest.raises(ValidationError, match="duration"):
        Sample.model_validate({"wait_s": text})


@pytest.mark.parametrize("text", ["", "x", "5 TiB", "-5", "1e3", "5 5", "9" * 5000, "9" * 400 + ".5 kb"])
def test_a80_what_is_no_size_is_an_error_with_a_mend(text: str) -> None:
    with pytest.raises(ValidationError, match="size"):
        Sample.model_validate({"room_bytes": text})


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.none()))
def test_what_is_no_text_passes_to_the_bounds(value: object) -> None:
    assert parse_duration(value) is value
    assert parse_size(value) is value


@given(st.integers(0, 10**6))
def test_whole_seconds_and_octets_come_back(number: int) -> None:
    assert parse_duration(f"{number}s") == number
    assert parse_size(f"{number} B") == number


def test_settings_are_frozen_and_know_their_keys() -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate({"wait": 5})
    with pytest.raises(ValidationError):
        Sample().wait_s = 7


@pytest.mark.parametrize("kind", [LimitSettings, TimeoutSettings, ServerSettings, Sample])
def test_every_default_keeps_its_own_bounds_and_has_a_sentence(kind: type[Settings]) -> None:
    kind.model_validate(kind().model_dump())
    for field in kind.model_fields.values():
        assert field.description
        assert field.description.endswith(".")
