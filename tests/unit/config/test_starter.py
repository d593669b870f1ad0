"""The first settings file: what was chosen, in the words of the manual."""

import tomllib

import pytest

from mailrail.config import complaint, starter


def test_what_is_written_reads_back_as_what_was_chosen() -> None:
    chosen = {
        "hostname": "mx1.example.org",
        "listener": [{"address": "[::]:25", "role": "mx"}, {"address": "[::]:465", "implicit_tls": True}],
        "relay": {"networks": ["10.0.0.0/8", "2001:db8::/32"]},
        "domain": {"example.org": {"relay_to": 'unix:/a"b'}, "bücher.example": {}},
        "route": [
            {"match": "*", "next_hop": "[2001:db8::1]:25", "login": {"user": "ann", "password_file": "/p"}}
        ],
        "tls": {"certificate": [{"chain": "/c", "key": "/k"}]},
        "queue": {"retry": {"first_s": 300}},
    }
    read = tomllib.loads(starter(chosen))
    assert read.pop("queue") == {"retry": {"first_s": "5m"}}
    del chosen["queue"]
    assert read == chosen


def test_each_explanation_stands_where_its_key_is_met_first() -> None:
    text = starter({"listener": [{"address": "127.0.0.1:25"}, {"address": "[::1]:25"}]})
    assert text.count("# Where to listen:") == 1
    assert text.index("# Where to listen:") < text.index('address = "127.0.0.1:25"')


def test_where_a_value_comes_from_stands_right_above_it() -> None:
    chosen = {"route": [{"match": "*", "next_hop": "a.example"}, {"match": "b.example"}]}
    origins = {("route", 1, "match"): ["main.cf:3: transport_maps"], ("route", 0): ["main.cf:2: relayhost"]}
    text = starter(chosen, origins)
    assert '# <- main.cf:3: transport_maps\nmatch = "b.example"' in text
    assert "# <- main.cf:2: relayhost\n[[route]]" in text
    assert tomllib.loads(text) == chosen


def test_a_table_that_has_kinds_is_written_with_the_keys_of_its_kind() -> None:
    chosen = {"table": {"staff": {"kind": "aliases", "file": "/etc/aliases"}, "all": {"kind": "accounts"}}}
    assert tomllib.loads(starter(chosen)) == chosen
    with pytest.raises(KeyError, match=r"table\.staff\.query"):
        starter({"table": {"staff": {"kind": "aliases", "query": "x"}}})


def test_a_setting_that_does_not_exist_cannot_be_written() -> None:
    with pytest.raises(KeyError, match=r"relay\.network'"):
        starter({"relay": {"network": []}})


def test_a_complaint_says_what_the_settings_would_say() -> None:
    assert complaint({"relay": {"networks": ["10.0.0.0/8"]}}) == ""
    assert "has bits set behind the prefix" in complaint({"relay": {"networks": ["10.0.0.1/8"]}})
    assert "write one with its domain" in complaint({"hostname": "mx1"})
