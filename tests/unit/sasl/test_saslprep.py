import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.sasl import PreparationError, saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0627\u0628", "\u0627\u0628"),
    ],
)
def test_the_examples_of_rfc_4013_come_out_right(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize(
    "text",
    [
        "\u0007",
        "\u0627\u0031",  # RFC 4013 §3: bidirectional check
        "\u0627a\u0627",
        "a\x7fb",
        "\ue000",
        "\ufffd",
        "\u202e",
        "\u00ad",  # nothing is left of it
        "",
        chr(0xD800),
        "a" * 1025,
        "\u00e4" * 513,
        "a" * 10_000_000,
    ],
)
def test_what_cannot_be_a_name_is_refused(text: str) -> None:
    with pytest.raises(PreparationError) as error:
        saslprep(text)
    assert len(str(error.value)) < 100


def test_code_points_that_unicode_3_2_does_not_know_may_be_asked_for_but_not_stored() -> None:
    assert saslprep("\U0001f511") == "\U0001f511"
    with pytest.raises(PreparationError, match=r"Unicode 3\.2"):
        saslprep("\U0001f511", is_stored=True)


@given(st.text(max_size=40))
def test_preparing_twice_changes_nothing_more(text: str) -> None:
    try:
        prepared = saslprep(text, is_stored=True)
    except PreparationError:
        return
    assert saslprep(prepared, is_stored=True) == prepared
