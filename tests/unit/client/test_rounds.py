"""Row A60: dividing recipients by what the peer takes at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.client.rounds import fits_one_round, is_surplus, take_round
from mailrail.model import Address, Recipient, Reply
from mailrail.smtp import Extensions

LIMITS = st.integers(1, 4) | st.none()


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), LIMITS, LIMITS)
def test_every_recipient_gets_its_turn_and_no_round_breaks_a_limit(
    domains: list[str], rcpt_max: int | None, domain_max: int | None
) -> None:
    recipients = [Recipient(Address("x", f"{domain}.example")) for domain in domains]
    extensions = Extensions(rcpt_max=rcpt_max, rcpt_domain_max=domain_max)
    waiting = list(range(len(recipients)))
    seen: list[int] = []
    rounds = 0
    while waiting:
        now, waiting = take_round(waiting, recipients, extensions)
        assert now
        assert rcpt_max is None or len(now) <= rcpt_max
        assert domain_max is None or len({domains[n] for n in now}) <= domain_max
        seen += now
        rounds += 1
    assert sorted(seen) == list(range(len(recipients)))
    if fits_one_round(recipients, extensions):
        assert rounds == 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(452, "4.5.3", "too many"), True),
        (Reply(452, "", "too many"), True),
        (Reply(552, "5.5.3", "too many"), True),
        (Reply(452, "4.2.2", "full"), False),
        (Reply(452, "4.3.1", "no space"), False),
        (Reply(552, "", "full"), False),
        (Reply(550, "", "no"), False),
    ],
)
def test_only_too_many_recipients_is_worth_another_round(reply: Reply, expected: bool) -> None:
    assert is_surplus(reply) is expected
