"""Nothing is dropped silently: every parameter that Postfix 3.7 knows gets exactly one word."""

from collections import Counter
from collections.abc import Iterable

import pytest
from tests.unit.migrate.house import MASTER, imported, words

from mailrail.migrate import Fate, defaults
from mailrail.migrate.lore import lore_of

VALUES = (
    "strange",
    "5",
    "",
    "yes",
    "hash:/etc/postfix/nowhere",
    "{ broken",
    "127.0.0.1 [::1] !10.0.0.0/8 example.org",
)


def faults(main: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return which of *names* are told never, twice, or as unknown."""
    entries = imported(main).report.entries
    told = Counter(entry.subject for entry in entries)
    wholes = {subject.name for subject in told if not subject.part}
    parts = {subject.name for subject in told if subject.part}
    found = [(name, "silent") for name in names if name not in wholes | parts]
    found += [(name, "in parts and whole") for name in names if name in wholes & parts]
    found += [(subject.name, "twice") for subject, count in told.items() if count > 1]
    found += [(entry.subject.name, "unknown") for entry in entries if "Unknown parameter" in entry.text]
    return found


@pytest.mark.parametrize("value", VALUES)
def test_every_parameter_of_postfix_is_in_exactly_one_list_and_none_is_unknown(value: str) -> None:
    names = [name for name, default in defaults().items() if value != default]
    assert faults("".join(f"{name} = {value}\n" for name in names), names) == []


@pytest.mark.slow
def test_and_so_it_is_where_it_is_the_only_one() -> None:
    assert [fault for name in defaults() for fault in faults(f"{name} = strange\n", [name])] == []


@pytest.mark.slow
def test_every_override_in_master_cf_gets_a_word() -> None:
    silent = []
    for name in defaults():
        entries = imported("", f"{MASTER.rstrip()} -o {name}=strange\n").report.entries
        own = [one for one in entries if one.subject.name == name and one.subject.service == "smtp/inet"]
        if not own or any("Unknown parameter" in entry.text for entry in own):
            silent.append(name)
    assert silent == []


def test_a_default_that_is_written_out_is_no_longer_needed() -> None:
    for name, default in defaults().items():
        if default and lore_of(name) is not None:
            told = {
                entry.fate
                for entry in imported(f"{name} = {default}\n").report.entries
                if entry.subject.name == name
            }
            assert told <= {Fate.NEEDLESS, Fate.TAKEN_OVER, Fate.LOOK}, name


def test_what_postfix_does_not_know_is_told_with_the_nearest_name() -> None:
    result = imported("relayhots = [a.example]\nmy_net = 10.0.0.0/8\nmynetworks = $my_net\n")
    assert 'did you mean "relayhost"?' in words(result, "relayhots")
    assert "A name of your own" in words(result, "my_net")


def test_limits_of_single_transports_are_known_by_their_service() -> None:
    master = MASTER + "slow unix - - n - - smtp\n"
    result = imported("slow_destination_rate_delay = 5s\nfast_destination_rate_delay = 5s\n", master)
    assert "[queue.destination]" in words(result, "slow_destination_rate_delay")
    assert "Unknown parameter" in words(result, "fast_destination_rate_delay")
