"""The text of the user file: read whole, changed one user at a time, and honest about what is wrong."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.directory.records import HEAD, read_users, remove_user, write_user
from mailrail.directory.user import User, login_name
from mailrail.model import SettingsError
from mailrail.sasl import PreparationError, derive_keys, format_keys, format_keys_dovecot

KEYS = derive_keys("secret", b"sixteen octets..", 4096)
SHA1_KEYS = derive_keys("secret", b"sixteen octets..", 4096, "sha1")
FILE = f"""\
# our people

[user.Ann]          # the boss
password = "{{PLAIN}}one two"   # to be changed

scram = "{format_keys(KEYS)}"

# printers
[user."printer@example.org"]
password = "{{PLAIN}}x[y]"
disabled = true
"""


def test_users_are_read_by_the_one_spelling_of_their_names() -> None:
    users = read_users(FILE)
    assert list(users) == ["ann", "printer@example.org"]
    assert users["ann"] == User("ann", "{PLAIN}one two", KEYS)
    assert users["printer@example.org"].is_disabled


def test_rights_and_quotas_are_read_and_written() -> None:
    ann = User(
        "ann", "{PLAIN}x", may_send_as=("a@b.example", "@b.example", "*"), quotas={"messages_per_day": 5}
    )
    text = write_user("", ann)
    assert read_users(text) == {"ann": ann}
    assert 'may_send_as = ["a@b.example", "@b.example", "*"]\nmessages_per_day = 5\n' in text


def test_keys_of_both_digests_are_read_and_written() -> None:
    ann = User("ann", "{PLAIN}x", KEYS, sha1_keys=SHA1_KEYS)
    assert read_users(write_user("", ann)) == {"ann": ann}
    assert (ann.keys_of("sha256"), ann.keys_of("sha1")) == (KEYS, SHA1_KEYS)


def test_an_empty_file_has_no_users() -> None:
    assert read_users("") == {}


def test_a_password_that_is_stored_as_scram_keys_serves_for_scram_too() -> None:
    assert read_users(f'[user.ann]\npassword = "{format_keys_dovecot(KEYS)}"')["ann"].keys == KEYS


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[user.ann\n", "not TOML"),
        ("[users.ann]\n", "users: there is no such table"),
        ("user = 1\n", "must be a table"),
        ("[user.ann]\n", "password"),
        ("[user]\nann = 3\n", "ann"),
        ('[user.ann]\npassword = "{MD5}hush"\n', "{MD5}"),
        ("[user.ann]\npassword = 12345\n", "password"),
        ('[user.ann]\npassword = "{PLAIN}hush"\nscram = "hush"\n', "SCRAM"),
        (
            f'[user.ann]\npassword = "{{PLAIN}}hush"\nscram_sha_1 = "{format_keys(KEYS)}"\n',
            "not of SCRAM-SHA-1",
        ),
        ('[user.ann]\npassword = "{PLAIN}hush"\nquota = "hush"\n', "quota"),
        ('[user.ann]\npassword = "{PLAIN}hush"\n[user.ANN]\npassword = "{PLAIN}hush"\n', "twice"),
        ('[user.ann]\npassword = "{PLAIN}hush"\nmay_send_as = ["b"]\n', "may_send_as.0"),
        ('[user.ann]\npassword = "{PLAIN}hush"\nmessages_per_day = -1\n', "messages_per_day"),
        ('[user.ann]\npassword = "{PLAIN}hush"\ndisabled = 2026-01-01\n', "disabled"),
        ('[user."a\\u0000b"]\npassword = "{PLAIN}hush"\n', "U+0000"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_without_the_secret(text: str, word: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_users(text)
    assert word in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "12345" not in str(caught.value)


def test_of_a_thousand_problems_the_first_are_told_and_the_rest_counted() -> None:
    with pytest.raises(SettingsError, match="and 980 more"):
        read_users("".join(f"[user.u{n}]\n" for n in range(1000)))


def test_a_change_leaves_the_lines_of_others_as_they_are() -> None:
    changed = write_user(FILE, User("ann", "{PLAIN}new"))
    assert changed == FILE.replace(
        FILE[FILE.index("[user.Ann]") : FILE.index("\n# printers")], '[user."ann"]\npassword = "{PLAIN}new"\n'
    )
    assert read_users(changed)["ann"].keys is None


def test_a_new_user_comes_last_and_the_first_one_gets_a_head() -> None:
    assert write_user("", User("ann", "{PLAIN}x")) == f'{HEAD}\n[user."ann"]\npassword = "{{PLAIN}}x"\n'
    added = write_user(FILE.rstrip("\n"), User("bob", "{PLAIN}x", is_disabled=True))
    assert added.startswith(FILE)
    assert list(read_users(added)) == ["ann", "printer@example.org", "bob"]


def test_a_user_is_removed_with_its_lines_only() -> None:
    assert "# printers" in remove_user(FILE, "ann")
    assert list(read_users(remove_user(FILE, "ann"))) == ["printer@example.org"]


@pytest.mark.parametrize(
    "text",
    [
        'user.ann.password = "{PLAIN}x"\n',
        '[user]\nann = { password = "{PLAIN}x" }\n',
        '[user.ann]\npassword = "{PLAIN}x"\n[user.bob]\npassword = """{PLAIN}\n[user.ann]\n"""\n',
    ],
)
def test_a_file_that_cannot_be_changed_by_lines_stays_as_it_is(text: str) -> None:
    with pytest.raises(SettingsError):
        write_user(text, User("ann", "{PLAIN}y"))


def names() -> st.SearchStrategy[str]:
    def spelled(text: str) -> str:
        try:
            return login_name(text)
        except PreparationError:
            return "ann"

    return st.text(max_size=20).map(spelled)


@given(st.lists(st.tuples(names(), st.text(min_size=1, max_size=40), st.booleans()), max_size=6), st.data())
def test_what_is_written_is_read_again(rows: list[tuple[str, str, bool]], data: st.DataObject) -> None:
    text, expected = "", {}
    for name, password, is_disabled in rows:
        if "\ud800" <= max(password) <= "\udfff":
            continue
        expected[name] = User(name, f"{{PLAIN}}{password}", is_disabled=is_disabled)
        text = write_user(text, expected[name])
    assert read_users(text) == expected
    tomllib.loads(text)
    if expected:
        gone = data.draw(st.sampled_from(sorted(expected)))
        del expected[gone]
        assert read_users(remove_user(text, gone)) == expected
