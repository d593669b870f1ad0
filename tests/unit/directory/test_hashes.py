"""Stored passwords: our own, those of others, and what must never be taken for one."""

import hashlib
import random
from base64 import b64encode

import bcrypt
import pytest

from mailrail.directory.hashes import (
    MEMORY_KIB,
    NOBODY,
    PASSES,
    HashError,
    check_hash,
    is_password,
    make_hash,
    scheme_of,
)
from mailrail.sasl import derive_keys, format_keys_dovecot

SECRET = "correct horse"


def ssha(name: str, digest: str) -> str:
    salt = b"saltsalt"
    made = hashlib.new(digest, SECRET.encode() + salt).digest()
    return f"{{{name}}}{b64encode(made + salt).decode()}"


STORED = [
    make_hash(SECRET, random.Random(1)),
    ssha("SSHA", "sha1"),
    ssha("SSHA256", "sha256"),
    ssha("SSHA512", "sha512"),
    f"{{PLAIN}}{SECRET}",
    format_keys_dovecot(derive_keys(SECRET, b"sixteen octets..", 4096)),
    "{BLF-CRYPT}" + bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(4)).decode(),
]


@pytest.mark.parametrize("stored", STORED, ids=scheme_of)
def test_the_right_password_fits_and_no_other(stored: str) -> None:
    check_hash(stored)
    assert is_password(stored, SECRET)
    assert not is_password(stored, SECRET + " ")
    assert not is_password(stored, "")


def test_what_we_make_is_argon2id_with_the_cost_that_is_paid_for_nobody() -> None:
    made = make_hash(SECRET, random.Random(1))
    assert made != make_hash(SECRET, random.Random(2))
    cost = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$"
    assert made.startswith(f"{{ARGON2ID}}{cost}")
    assert NOBODY.startswith(f"{{ARGON2ID}}{cost}")
    assert len(NOBODY) == len(made)
    assert not is_password(NOBODY, SECRET)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        SECRET,
        "{PLAIN}",
        "{MD5}x",
        "{plain}x",
        "{SSHA}!",
        "{SSHA}YQ==",
        "{ARGON2ID}x",
        "{ARGON2ID}$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "{ARGON2ID}$argon2id$v=19$m=19456,t=9999,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "{BLF-CRYPT}$2y$31$" + 53 * "a",
        "{SCRAM-SHA-256}4096,x",
        format_keys_dovecot(derive_keys(SECRET, b"salt", 4096)).replace("4096", "999999999"),
        "{PLAIN}" + 2000 * "x",
    ],
)
def test_what_is_no_stored_password_is_refused_without_being_repeated(stored: str) -> None:
    with pytest.raises(HashError) as caught:
        check_hash(stored)
    with pytest.raises(HashError):
        is_password(stored, SECRET)
    assert SECRET not in str(caught.value)


def test_a_hash_of_argon2_that_is_cut_off_fits_nothing() -> None:
    assert not is_password("{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$x$y", SECRET)
