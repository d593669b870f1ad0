"""Whose address is it? Binding asks the system; nothing is sent."""

import pytest

from mailrail.net import is_own_address


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("127.9.9.9", True), ("192.0.2.77", False)]
)
def test_a53_the_machine_knows_its_own_addresses(host: str, expected: bool) -> None:
    assert is_own_address(host) is expected
