"""A scenario as it runs: who is asked for is there, and what raises is told."""

from pathlib import Path

import pytest

from mailrail.sim.scenario import read_scenario, run_scenario
from mailrail.sim.strangers import Abuser
from mailrail.sim.traffic import Traffic

WORLD = """
days = 0.05
[node.mx.settings]
hostname = "mx.ours.example"
relay.networks = ["10.0.0.0/8"]
domain."box.example" = { relay_to = "203.0.113.90:24", lmtp = true }
[stranger."secret.example"]
tls = true
[stranger."box.example"]
kind = "store"
address = "203.0.113.90"
ports = [24]
busy = 0.5
[[traffic]]
senders = ["ours.example"]
recipients = { "secret.example" = 1, "box.example" = 1 }
clients = 2
messages = 20
[[abuser]]
recipient = "bob@box.example"
per_hour = 30
"""


def test_strangers_may_mean_their_tls_keep_mail_by_lmtp_and_mean_no_good(tmp_path: Path) -> None:
    file = tmp_path / "world.toml"
    file.write_text(WORLD)
    result = run_scenario(read_scenario(file), is_told=True)
    assert result.violations == ()
    by_domain = {one.domain: one for one in result.summary.destinations}
    assert by_domain["secret.example"].delivered == by_domain["secret.example"].recipients > 0
    assert by_domain["box.example"].delivered > 0
    assert by_domain["box.example"].deferrals > 0
    told = "\n".join(result.timeline)
    assert "TLSv1.3" in told
    assert "hello='flood.example'" in told, "a flood that is hung up on floods nothing"


@pytest.mark.parametrize("client", [(Traffic, "programs"), (Abuser, "run")])
def test_a_client_that_raises_is_told_and_not_taken_for_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: tuple[type, str]
) -> None:
    async def fail(*_args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(*client, fail)
    file = tmp_path / "world.toml"
    file.write_text(WORLD)
    (violation,) = run_scenario(read_scenario(file)).violations
    assert (violation.rule, violation.words) == ("own fault", "a client ended: ZeroDivisionError()")
