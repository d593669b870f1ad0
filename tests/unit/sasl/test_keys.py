from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.sasl import (
    ITERATIONS,
    SALT_OCTETS,
    PreparationError,
    ScramKeys,
    derive_keys,
    fake_keys,
    format_keys,
    format_keys_dovecot,
    parse_keys,
)

# RFC 7677 §3: the password "pencil".
SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
STORED = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_keys_are_written_as_postgresql_writes_them() -> None:
    assert format_keys(derive_keys("pencil", SALT, 4096)) == STORED


def test_keys_are_written_as_dovecot_writes_them() -> None:
    keys = parse_keys(STORED)
    assert format_keys_dovecot(keys) == (
        "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


@given(
    st.sampled_from([("sha256", 32), ("sha1", 20)]),
    st.binary(min_size=1, max_size=64),
    st.integers(1, 10**9 - 1),
    st.binary(min_size=64, max_size=64),
)
def test_whatever_is_written_reads_back(
    digest: tuple[str, int], salt: bytes, iterations: int, keys: bytes
) -> None:
    name, size = digest
    written = ScramKeys(name, salt, iterations, keys[:size], keys[-size:])
    assert parse_keys(format_keys(written)) == written
    assert parse_keys(format_keys_dovecot(written)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pencil",
        STORED + "\n",
        STORED.replace("4096", "0"),
        STORED.replace("4096", "-1"),
        STORED.replace("4096", "9" * 5000),
        STORED.replace("SHA-256", "SHA-1"),
        STORED.replace("SHA-256", "MD5"),
        STORED.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
        STORED.replace("W22ZaJ0SNY7soEsUEjb6gQ==", "?"),
        STORED.replace("W22ZaJ0SNY7soEsUEjb6gQ==", "AAAA" * 22),
    ],
)
def test_what_are_no_keys_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - several doors raise it
        parse_keys(text)
    assert "pencil" not in str(error.value)


def test_keys_show_nothing_of_themselves() -> None:
    assert "key" not in repr(parse_keys(STORED))


def test_a_password_that_saslprep_forbids_has_no_keys() -> None:
    with pytest.raises(PreparationError):
        derive_keys("a\0b", SALT)


def test_keys_know_the_password_that_they_are_of() -> None:
    keys = parse_keys(STORED)
    assert keys.is_of("pencil")
    assert not keys.is_of("pencils")
    assert not keys.is_of("a\0b")
    assert not fake_keys(b"secret", "nobody").is_of("pencil")


def test_users_that_do_not_exist_have_keys_that_look_like_real_ones() -> None:
    fake = fake_keys(b"secret", "nobody")
    assert fake == fake_keys(b"secret", "nobody")
    assert (len(fake.salt), fake.iterations) == (SALT_OCTETS, ITERATIONS)
    others = [
        fake_keys(b"other", "nobody"),
        fake_keys(b"secret", "noone"),
        fake_keys(b"secret", "nobody", "sha1"),
    ]
    assert len({fake.salt, *(other.salt for other in others)}) == 4
