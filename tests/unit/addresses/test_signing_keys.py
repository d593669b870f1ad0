"""Keys in a file: kept over restarts, shared, changed without a bounce that nobody can check, and never shown."""

import threading
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.addresses.signing_keys import (
    LEAD_US,
    MOST_KEYS,
    SigningKey,
    SigningKeys,
    format_keys,
    keep_keys,
    new_secret,
    parse_keys,
    read_keys,
    write_keys,
)
from mailrail.model import SECOND_US, SettingsError

DAY_US = 86_400 * SECOND_US
NOW_US = 20_000 * DAY_US
KEYS = st.lists(
    st.builds(SigningKey, st.integers(0, 4_000_000_000).map(lambda s: s * SECOND_US), st.binary(min_size=32, max_size=40)),
    min_size=1,
    max_size=5,
).map(SigningKeys.of)  # fmt: skip


@given(KEYS)
def test_keys_come_back_from_their_file(keys: SigningKeys) -> None:
    assert parse_keys(format_keys(keys)) == keys
    assert keys.keys[0].secret.hex() not in repr(keys)


@pytest.mark.parametrize(
    "text", ["", "# nothing", "key", f"2026-01-01 {'ab' * 32}", f"2026-01-01T00:00:00Z {'ab' * 15}", "2026-01-01T00:00:00Z xyz"]
)  # fmt: skip
def test_a_file_with_anything_else_is_refused_and_never_quoted(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_keys(file)
    assert str(file) in str(refused.value)
    assert "ab" * 8 not in str(refused.value)


def test_a77_keys_that_everybody_can_read_are_refused_and_it_is_told_how_to_mend_it(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    kept = keep_keys(file, Random(1), NOW_US)
    file.chmod(0o604)
    with pytest.raises(SettingsError, match=f"mend it: chmod 600 {file}"):
        read_keys(file)
    file.chmod(0o640)
    assert read_keys(file) == kept, "a group may be one for backups"


def test_a_key_is_made_once_however_many_make_one(tmp_path: Path) -> None:
    file, found = tmp_path / "kept" / "keys", []

    def make(number: int) -> None:
        found.append(keep_keys(file, Random(number), NOW_US))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
    assert keep_keys(file, Random(99), NOW_US + DAY_US) == found[0]


def test_a_directory_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such place"):
        keep_keys(tmp_path / "no such place" / "kept" / "keys", Random(1), NOW_US)
    assert read_keys(tmp_path / "keys") is None


def test_a_new_key_verifies_at_once_and_signs_when_every_worker_has_read_it(tmp_path: Path) -> None:
    old = SigningKeys.of([SigningKey(NOW_US - DAY_US, b"o" * 32)])
    new = old.rotated(b"n" * 32, NOW_US, 21 * DAY_US)
    write_keys(tmp_path / "keys", new)
    assert read_keys(tmp_path / "keys") == new
    assert set(new.verifying) == {b"n" * 32, b"o" * 32}
    assert new.signing(NOW_US) == new.signing(NOW_US + LEAD_US - 1) == b"o" * 32
    assert new.signing(NOW_US + LEAD_US) == b"n" * 32
    assert new.signing(0) == b"o" * 32, "a clock that was set back still has a key"


def test_a_key_goes_when_nothing_is_left_that_it_could_have_signed() -> None:
    keys = SigningKeys.of([SigningKey(NOW_US - 100 * DAY_US, b"a" * 32)])
    keys = keys.rotated(b"b" * 32, NOW_US, 21 * DAY_US)
    assert len(keys.keys) == 2
    keys = keys.rotated(b"c" * 32, NOW_US + 21 * DAY_US, 21 * DAY_US)
    assert b"a" * 32 in keys.verifying, "it signed until the second began, a little less than 21 days ago"
    keys = keys.rotated(b"d" * 32, NOW_US + 22 * DAY_US, 21 * DAY_US)
    assert b"a" * 32 not in keys.verifying
    for number in range(2 * MOST_KEYS):
        keys = keys.rotated(new_secret(Random(number)), NOW_US + 22 * DAY_US + number, 21 * DAY_US)
    assert len(keys.keys) == MOST_KEYS


def test_keys_for_another_purpose_are_others() -> None:
    keys = SigningKeys.of([SigningKey(1, b"a" * 32), SigningKey(2, b"b" * 32)])
    assert not {*keys.verifying} & {*keys.derived(b"x").verifying}
    assert keys.derived(b"x") == keys.derived(b"x") != keys.derived(b"y")
    assert [key.since_us for key in keys.derived(b"x").keys] == [2, 1]
