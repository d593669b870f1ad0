"""Who may have messages go before those of others (RFC 6710 §4.1)."""

import pytest

from mailrail.policy import PriorityRight


@pytest.mark.parametrize(
    ("right", "stranger", "network", "user"),
    [
        (PriorityRight.NONE, False, False, False),
        (PriorityRight.LOWER, False, False, False),
        (PriorityRight.LOGIN, False, False, True),
        (PriorityRight.RELAY, False, True, True),
    ],
)
def test_a_stranger_never_may_and_the_others_as_the_listener_says(
    right: PriorityRight, stranger: bool, network: bool, user: bool
) -> None:
    assert right.may_raise("", may_relay=False) is stranger
    assert right.may_raise("", may_relay=True) is network
    assert right.may_raise("ann", may_relay=True) is user
