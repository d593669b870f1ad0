"""A25: whatever an address says, a path stays below the directory that the settings name, and no argument becomes an option."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.agents.template import UnfitValueError, check_path, fill_argument, fill_path, target_of
from mailrail.model import Address, Recipient

VALUES = {
    "domain": "example.org",
    "local_part": "bob",
    "detail": "",
    "user": "vmail",
    "home": "/home/bob",
}


@pytest.mark.parametrize(
    ("local_part", "separators", "user", "detail"),
    [
        ("bob", "+", "bob", ""),
        ("Bob+News", "+", "bob", "News"),
        ("bob-a+b", "+-", "bob", "a+b"),
        ("bob+news", "", "bob+news", ""),
        ("+bob", "+", "+bob", ""),
        ("bob+", "+", "bob", ""),
    ],
)
def test_an_address_is_taken_apart(local_part: str, separators: str, user: str, detail: str) -> None:
    target = target_of(Recipient(Address(local_part, "example.org")), separators)
    assert (target.domain, target.local_part, target.detail) == ("example.org", user, detail)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/var/vmail/{domain}/{local_part}", "/var/vmail/example.org/bob"),
        ("{home}/Maildir", "/home/bob/Maildir"),
        ("/v/{user}/.{detail}", "/v/vmail"),
        ("/v/{detail}/x-{local_part}", "/v/x-bob"),
    ],
)
def test_a_path_is_filled(template: str, path: str) -> None:
    assert fill_path(check_path(template), VALUES) == Path(path)


HOSTILE = [
    "..", ".", "../../etc", "a/b", "/etc/passwd", ".hidden", "a\0b", "a\nb", "", "x" * 256, "ü" * 128, "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("template", ["/v/{local_part}", "/v/{local_part}/new", "/v/{domain}/{local_part}x"])
def test_a_value_that_is_no_name_is_refused(template: str, value: str) -> None:
    with pytest.raises(UnfitValueError):
        fill_path(template, {**VALUES, "local_part": value})


@given(local_part=st.text(max_size=70), detail=st.text(max_size=70))
def test_no_address_leads_out_of_the_base(local_part: str, detail: str) -> None:
    values = {**VALUES, "local_part": local_part, "detail": detail}
    for template in ("/v/{domain}/{local_part}", "/v/b/{local_part}/.{detail}", "/v/{detail}{local_part}"):
        try:
            path = fill_path(template, values)
        except UnfitValueError:
            continue
        assert path.parts[:2] == ("/", "v")
        assert ".." not in path.parts
        assert len(path.parts) <= template.count("/") + 1
        assert "\0" not in str(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mail/{user}", 'begins with "/"'),
        ("/v/../{user}", 'no ".."'),
        ("/v/{home}", "only at its beginning"),
        ("/v/{name}", "{name} is not known"),
        ("/v/{user", "no partner"),
    ],
)
def test_a_template_that_cannot_be_right_is_told(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        check_path(text)


def test_an_argument_takes_anything_but_an_option_made_by_a_stranger() -> None:
    assert fill_argument("--user={local_part}", {"local_part": "; rm -rf $(x)"}) == "--user=; rm -rf $(x)"
    assert fill_argument("-a", {}) == "-a"
    with pytest.raises(UnfitValueError, match="taken for an option"):
        fill_argument("{local_part}", {"local_part": "-rf"})
