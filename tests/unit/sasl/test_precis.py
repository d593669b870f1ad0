import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.sasl import (
    PreparationError,
    opaque_string,
    username_case_mapped,
    username_case_preserved,
)


@pytest.mark.parametrize(  # RFC 8265 §3.5, tables 1 and 2
    ("text", "mapped"),
    [
        ("juliet@example.com", "juliet@example.com"),
        ("fussball", "fussball"),
        ("fu\u00dfball", "fu\u00dfball"),
        ("\u03c0", "\u03c0"),
        ("\u03a3", "\u03c3"),
        ("\u03c3", "\u03c3"),
        ("\u03c2", "\u03c2"),
        ("Ann Smith", "ann smith"),
        ("\uff21\uff4e\uff4e", "ann"),  # full width
        ("e\u0301", "\u00e9"),
        ("\u05d3\u05d5\u05d3", "\u05d3\u05d5\u05d3"),
        ("l\u00b7l", "l\u00b7l"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),  # joiner behind a virama
        ("\u30a2\u30fb\u30a4", "\u30a2\u30fb\u30a4"),
        ("\u0661\u0662", None),  # an Arabic number needs a letter before it (RFC 5893 §2)
        ("henry\u2163", None),
        ("\u265a", None),
        ("", None),
        ("foo  bar", None),
        (" foo", None),
        ("a\tb", None),
        ("a\0b", None),
        ("a\u00b7b", None),
        ("a\u200db", None),
        ("a\u200bb", None),
        ("\u05d3a\u05d3", None),
        ("a\u05d3", None),
        ("\u0627\u0661\u06f1", None),
        ("\u0378", None),
        ("\U0001fffe", None),
        ("\ud800", None),
        ("\u1100", None),
        ("a" * 1025, None),
    ],
)
def test_names_have_one_form_in_lower_case_or_none(text: str, mapped: str | None) -> None:
    if mapped is None:
        with pytest.raises(PreparationError):
            username_case_mapped(text)
        with pytest.raises(PreparationError):
            username_case_preserved(text)
    else:
        assert username_case_mapped(text) == mapped


def test_the_other_profile_keeps_the_case() -> None:
    assert username_case_preserved("Ann") == "Ann"


@pytest.mark.parametrize(  # RFC 8265 §4.3, tables 3 and 4
    ("text", "prepared"),
    [
        ("correct horse battery staple", "correct horse battery staple"),
        ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5"),
        ("Jack of \u2666s", "Jack of \u2666s"),
        ("foo\u1680bar", "foo bar"),
        ("a\u030a", "\u00e5"),
        ("", None),
        ("my cat is a \x09by", None),
        ("a\0b", None),
        ("\u0378", None),
        ("a\ufeffb", None),
        ("x" * 1025, None),
    ],
)
def test_passwords_have_one_form_or_none(text: str, prepared: str | None) -> None:
    if prepared is None:
        with pytest.raises(PreparationError) as error:
            opaque_string(text)
        assert not text or text not in str(error.value)
    else:
        assert opaque_string(text) == prepared


@given(st.text(max_size=30))
def test_preparing_twice_changes_nothing_more(text: str) -> None:
    for profile in (opaque_string, username_case_mapped, username_case_preserved):
        try:
            prepared = profile(text)
        except PreparationError:
            continue
        assert profile(prepared) == prepared
