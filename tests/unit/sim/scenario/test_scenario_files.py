"""Scenario files: what is wrong with one is told with its line and the nearest name, and settings come into the other world."""

from pathlib import Path

import pytest

from mailrail.agents import Kind
from mailrail.config import BadSettingsError, MailrailSettings
from mailrail.net import Endpoint
from mailrail.routing import TlsLevel
from mailrail.sim.scenario import ScenarioSettings, read_scenario, read_shipped, shipped
from mailrail.sim.scenario.mapping import bring_in

NODE = '[node.mx.settings]\nhostname = "mx.ours.example"\n'
SENT = '[[traffic]]\nsenders = ["ours.example"]\nrecipients = { "b.example" = 1 }\n'
NAMES = Endpoint("192.0.2.53", 53)


def problems(folder: Path, text: str) -> str:
    file = folder / "world.toml"
    file.write_text(text)
    with pytest.raises(BadSettingsError) as caught:
        read_scenario(file)
    return str(caught.value).replace(str(folder), "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeed = 7\n" + NODE, 'world.toml:1: seeed: there is no such key\n    did you mean "seed"?'),
        (NODE + '[stranger."b.example"]\nkind = "throtler"\n', 'did you mean "throttler"?'),
        (NODE + '[stranger."b.example"]\nopens_after_s = "5m"\n', 'is for kind = "greylister"'),
        (NODE + '[stranger."b.example"]\nkind = "moody"\ntemporary = { rcp = 0.1 }\n', '"rcp" is no step'),
        (NODE + '[stranger."b.example"]\nbusy = 0.5\n', 'is for kind = "store"'),
        (NODE + '[stranger."b.example"]\nkind = "broken_tls"\ntls = true\n', "cannot do both"),
        (NODE + '[[abuser]]\nrecipient = "bob"\n', "write it like postmaster@example.org"),
        (NODE + '[[abuser]]\nrecipient = "b@ours.example"\nnode = "my"\n', 'there is no node "my"'),
        (NODE + SENT, "give it per_hour, or clients"),
        (NODE + SENT + "clients = 3\n", "programs without a rest never end"),
        (NODE + SENT + 'per_hour = 1\nnode = "my"\n', 'there is no node "my"'),
        (NODE + '[[fault]]\nkind = "offline"\ndomain = "c.example"\n', 'there is no stranger "c.example"'),
        (NODE + '[[fault]]\nkind = "partition"\n', "between a node and a stranger"),
        ('[node.mx]\naddress = "192.0.2.1"\n', "settings in one place"),
        ("days = 2\n", "a scenario needs a mailrail"),
        (NODE + "spol.path = '/x'\n", "world.toml:3: node.mx.settings.spol"),
    ],
)
def test_what_is_wrong_with_a_scenario_is_told_with_the_mend(tmp_path: Path, text: str, words: str) -> None:
    assert words in problems(tmp_path, text)


def test_a_node_may_have_its_settings_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mailrail.toml").write_text('hostname = "mx.mine.example"\n')
    (tmp_path / "world.toml").write_text('[node.mx]\nconfig = "mailrail.toml"\n')
    assert read_scenario(tmp_path / "world.toml").nodes["mx"].hostname == "mx.mine.example"
    (tmp_path / "mailrail.toml").write_text('hostnme = "mx.mine.example"\n')
    with pytest.raises(BadSettingsError, match=r"mailrail\.toml:1"):
        read_scenario(tmp_path / "world.toml")


def test_at_least_six_scenarios_are_shipped_and_each_has_a_title() -> None:
    assert set(shipped()) >= {
        "normal_day",
        "provider_throttles",
        "dns_outage",
        "smarthost_down_for_a_day",
        "burst_of_100000",
        "crash_every_hour",
    }
    for name, title in shipped().items():
        assert title
        assert read_shipped(name).settings.title == title


def test_scale_changes_the_traffic_and_nothing_else() -> None:
    settings = read_shipped("provider_throttles").settings
    scaled = settings.scaled(0.1)
    assert [one.messages for one in scaled.traffic] == [300, 0]
    assert [one.per_hour for one in scaled.traffic] == [0.0, 6.0]
    assert scaled.model_copy(update={"traffic": settings.traffic}) == settings


def test_settings_of_the_real_world_are_brought_into_this_one() -> None:
    settings = MailrailSettings.model_validate(
        {
            "hostname": "mx.mine.example",
            "listener": [
                {"address": "127.0.0.1:25"},
                {"address": "0.0.0.0:465", "implicit_tls": True, "role": "submission"},
                {"address": "198.51.100.25:25", "proxy_protocol": True, "proxy_from": ["198.51.100.1"]},
                {"address": "unix:/run/mailrail.sock"},
            ],
            "route": [
                {
                    "match": "*",
                    "next_hop": "smarthost.example:587",
                    "tls": "verify",
                    "login": {"user": "u", "password": "p"},
                }
            ],
        }
    )
    mapped = bring_in(settings, "192.0.2.1", NAMES)
    assert mapped.addresses == ("192.0.2.1", "198.51.100.25")
    assert [str(door) for door in mapped.doors] == ["192.0.2.1:25", "192.0.2.1:465", "198.51.100.25:25"]
    assert mapped.settings.dns.servers == ("192.0.2.53:53",)
    assert str(mapped.settings.spool.path) == "/spool"
    (route,) = mapped.settings.route
    assert (route.login, route.tls, route.next_hop) == (None, None, "smarthost.example:587")
    assert mapped.settings.routing.tls is TlsLevel.MAY
    assert mapped.settings.hostname == "mx.mine.example"
    assert mapped.settings.queue == settings.queue
    assert not any(one.proxy_protocol for one in mapped.settings.listener)
    assert len(mapped.notes) == 3


def test_what_needs_nothing_from_the_real_world_stays_without_a_note() -> None:
    mapped = bring_in(MailrailSettings(hostname="mx.mine.example"), "192.0.2.1", NAMES)
    assert mapped.notes == ()


def test_no_program_service_or_function_is_called_from_a_simulation() -> None:
    agent = {
        "box": {"kind": "maildir"},
        "program": {"kind": "pipe", "command": ["/bin/true"]},
        "service": {"kind": "http", "url": "https://example.org/"},
        "function": {"kind": "function", "function": "os:abort"},
    }
    settings = MailrailSettings.model_validate({"hostname": "mx.mine.example", "agent": agent})
    mapped = bring_in(settings, "192.0.2.1", NAMES)
    assert {name: one.kind for name, one in mapped.settings.agent.items()} == {
        "box": Kind.MAILDIR,
        **dict.fromkeys(("program", "service", "function", "pipe"), Kind.DISCARD),
    }
    assert "function, program, service" in mapped.notes[0]


def test_a_scenario_has_defaults_for_everything_but_its_nodes() -> None:
    settings = ScenarioSettings.model_validate(
        {"node": {"mx": {"settings": {"hostname": "mx.ours.example"}}}}
    )
    assert (settings.days, settings.seed, settings.traffic, settings.fault) == (1.0, 1, (), ())
