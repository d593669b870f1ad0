"""Whom we take for the database: nobody else than who can prove it, unless the operator says so."""

import ssl
from pathlib import Path

import pytest

from mailrail.model import SettingsError
from mailrail.tables.postgres import PostgresDatabase, verified

SYSTEM = ssl.get_default_verify_paths().cafile or ""
OURS = Path("/etc/mailrail/ca.pem")


@pytest.mark.parametrize(
    ("url", "ca_file", "told"),
    [
        ("postgresql://mail@db.example.org/site", None, {"sslmode": "verify-full", "sslrootcert": SYSTEM}),
        ("postgresql://mail@db.example.org/site", OURS, {"sslmode": "verify-full", "sslrootcert": str(OURS)}),
        ("postgresql:///site?host=db.example.org", None, {"sslmode": "verify-full", "sslrootcert": SYSTEM}),
        ("postgresql:///site?hostaddr=192.0.2.1", None, {"sslmode": "verify-full", "sslrootcert": SYSTEM}),
        (
            "postgresql://localhost,db.example.org/site",
            None,
            {"sslmode": "verify-full", "sslrootcert": SYSTEM},
        ),
        ("postgresql://db.example.org/site?sslmode=require", None, {}),
        ("postgresql://db.example.org/site?sslmode=verify-ca", OURS, {"sslrootcert": str(OURS)}),
        ("postgresql:///site", None, {}),
        ("postgresql:///site?host=/run/postgresql", None, {}),
        ("postgresql://[::1]/site", None, {}),
        ("postgresql://127.0.0.1/site", OURS, {"sslmode": "verify-full", "sslrootcert": str(OURS)}),
    ],
)
def test_a_server_elsewhere_is_verified_unless_the_url_says_otherwise(
    url: str, ca_file: Path | None, told: dict[str, str]
) -> None:
    assert verified(url, ca_file) == {
        name: value for name, value in told.items() if value
    }  # a machine may have none


def test_a_url_that_libpq_does_not_know_is_told() -> None:
    with pytest.raises(SettingsError, match='invalid URI query parameter: "sslmod"'):
        PostgresDatabase("postgresql://db.example.org/site?sslmod=require", "SELECT :key", ("key",))
