"""main.cf, master.cf and the sources of tables, as Postfix reads them."""

from pathlib import Path

import pytest

from mailrail.migrate import Postfix, read_postfix
from mailrail.migrate.logical_lines import decoded, logical_lines, words
from mailrail.migrate.maps import Entry, Table, inline_entries, parse_table, read_aliases, read_entries
from mailrail.migrate.master import parse_master
from mailrail.migrate.postfix import defaults, parse_main
from mailrail.model import SettingsError


def test_continuations_are_joined_and_comments_between_them_do_not_count() -> None:
    text = "  lost\na = 1,\n\n# between\n  # indented\n\t2\r\n   3\nb = 4"
    assert [(line.text, line.number) for line in logical_lines(text)] == [("a = 1,\t2   3", 2), ("b = 4", 8)]


def test_of_two_lines_for_one_name_the_last_counts() -> None:
    found = parse_main("a = 1\nb=\na =  2   3\n")
    assert (found["a"].value, found["a"].number, found["b"].value) == ("2 3", 3, "")


def test_a_list_keeps_together_what_stands_in_braces() -> None:
    assert words("a, b\t{c, d}  inline:{ e=f }") == ["a", "b", "{c, d}", "inline:{ e=f }"]


def test_a_file_that_is_not_utf_8_is_latin_1() -> None:
    assert (decoded("ü".encode()), decoded(b"\xfc")) == ("ü", "ü")


def test_services_have_overrides_in_both_forms_and_programs_keep_their_arguments() -> None:
    (smtpd, pipe), troubles = parse_master(
        "127.0.0.1:25 inet n - y - 20 smtpd -v\n"
        "  -o smtpd_tls_security_level=encrypt -o { smtpd_banner = one two }\n"
        "  # not here\n"
        "  -o mynetworks=\n"
        "drop unix - n n - - pipe flags=R user=vmail argv=/bin/x -o ${sender} { a b }\n"
        "broken unix -\n"
    )
    assert smtpd.overrides == {
        "smtpd_tls_security_level": "encrypt",
        "smtpd_banner": "one two",
        "mynetworks": "",
    }
    assert (smtpd.label, smtpd.chroot, smtpd.most, smtpd.arguments) == (
        "127.0.0.1:25/inet",
        "y",
        "20",
        ("-v",),
    )
    assert pipe.arguments == ("flags=R", "user=vmail", "argv=/bin/x", "-o", "${sender}", "a b")
    assert troubles == ["line 6 has fewer than 8 columns"]


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("hash:/etc/postfix/virtual", "hash", "/etc/postfix/virtual"),
        ("proxy:mysql:/etc/postfix/x.cf", "mysql", "/etc/postfix/x.cf"),
        ("proxy:unix:passwd.byname", "unix", "passwd.byname"),
        ("static:{a b}", "static", "a b"),
        ("/etc/postfix/list", "", "/etc/postfix/list"),
    ],
)
def test_a_table_is_named_by_kind_and_place(text: str, kind: str, name: str) -> None:
    assert parse_table(text) == Table(kind, name, text.removeprefix("proxy:"))


def test_joined_tables_are_their_parts() -> None:
    table = parse_table("unionmap:{hash:/a, inline:{ k = v, x=y }}")
    assert [part.kind for part in table.parts] == ["hash", "inline"]
    assert list(inline_entries(parse_table("inline:{ k=v, { x = y z } }"))) == [
        Entry("k", "v", 0),
        Entry("x", "y z", 0),
    ]


def test_the_lines_of_tables_have_keys_and_values(tmp_path: Path) -> None:
    file = tmp_path / "virtual"
    file.write_text('# head\na@b  c@d,\n   e@f\n"two words"  x\nalone\n')
    assert read_entries(file) == [
        Entry("a@b", "c@d,   e@f", 2),
        Entry("two words", "x", 4),
        Entry("alone", "", 5),
    ]
    file.write_text('root: ann\n"a b" : |"/bin/x y"\n')
    assert read_aliases(file) == [Entry("root", "ann", 1), Entry("a b", '|"/bin/x y"', 2)]


def test_what_main_cf_does_not_say_has_the_default_of_postfix_3_7() -> None:
    assert len(defaults()) == 831
    assert defaults()["mydestination"] == "$myhostname, localhost.$mydomain, localhost"
    postfix = Postfix(Path("/p"), "myhostname = mx.example.org\ncompatibility_level = 3.6", host_name="other")
    assert postfix.value("mydestination") == "mx.example.org, localhost.example.org, localhost"
    assert (postfix.value("mynetworks_style"), postfix.value("relay_domains")) == ("host", "")
    old = Postfix(Path("/p"), "mydestination = a.example", host_name="box")
    assert (old.value("mynetworks_style"), old.value("relay_domains")) == ("subnet", "a.example")
    assert (old.value("myhostname"), old.value("config_directory")) == ("box.localdomain", "/p")


@pytest.mark.parametrize(
    ("main", "host", "name", "domain"),
    [
        ("", "mx.example.org", "mx.example.org", "example.org"),
        ("mydomain = example.net", "mx", "mx.example.net", "example.net"),
        ("myhostname = a.b.example", "mx", "a.b.example", "b.example"),
        ("myhostname = $mydomain\nmydomain = c.example", "mx", "c.example", "c.example"),
    ],
)
def test_the_names_of_the_machine_are_found_as_postfix_finds_them(
    main: str, host: str, name: str, domain: str
) -> None:
    postfix = Postfix(Path("/p"), main, host_name=host)
    assert (postfix.value("myhostname"), postfix.value("mydomain")) == (name, domain)


def test_a_value_that_cannot_be_expanded_stays_as_it_is() -> None:
    assert Postfix(Path("/p"), "mynetworks = $mynetworks").value("mynetworks") == "$mynetworks"


def test_files_are_found_beside_main_cf_and_below_a_root(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text("")
    (tmp_path / "virtual").write_text("")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/aliases").write_text("")
    postfix = read_postfix(tmp_path, root=tmp_path, host_name="h")
    assert postfix.place("/etc/postfix/virtual") == str(tmp_path / "virtual")
    assert postfix.place("/etc/aliases") == str(tmp_path / "etc/aliases")
    assert postfix.place("/etc/ssl/key") == "/etc/ssl/key"


def test_a_directory_without_main_cf_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"has no main\.cf; mend it"):
        read_postfix(tmp_path, host_name="h")
