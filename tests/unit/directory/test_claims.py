"""What a token must say of its bearer, at the very edges."""

from dataclasses import replace

import pytest
from tests.support.issuer import AUDIENCE, NAME

from mailrail.directory.claims import Refusal, Terms, judge

NOW_S = 1_700_000_000.0
TERMS = Terms(issuer=NAME, audience=AUDIENCE, scope="", user_claim="email", leeway_s=60, must_expire=True)
GOOD = {"iss": NAME, "aud": AUDIENCE, "exp": NOW_S + 1, "email": "Ann@Example.org"}


def test_a_token_names_its_user_in_one_spelling() -> None:
    assert judge(GOOD, TERMS, NOW_S) == "ann@example.org"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["web", AUDIENCE]},
        {"exp": NOW_S - 59},
        {"exp": NOW_S - 59.5, "nbf": NOW_S + 60},
        {"nbf": NOW_S},
        {"email_verified": True},
    ],
)
def test_good_ones_are_good(claims: dict[str, object]) -> None:
    assert judge({**GOOD, **claims}, TERMS, NOW_S) == "ann@example.org"


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"exp": NOW_S - 60}, "expired"),
        ({"exp": None}, "no end"),
        ({"exp": "4000000000"}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": float("nan")}, "expired"),
        ({"nbf": NOW_S + 61}, "not valid yet"),
        ({"nbf": float("nan")}, "not valid yet"),
        ({"iss": f"{NAME}/"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"iss": [NAME]}, "another issuer"),
        ({"aud": "web"}, "somebody else"),
        ({"aud": None}, "somebody else"),
        ({"aud": f"x{AUDIENCE}"}, "somebody else"),
        ({"aud": {AUDIENCE: 1}}, "somebody else"),
        ({"email": ""}, "no email"),
        ({"email": ["ann@example.org"]}, "no email"),
        ({"email": "a\u200bb"}, "nobody's name"),
        ({"email": "\ud800"}, "nobody's name"),
        ({"email_verified": False}, "not verified"),
        ({"email_verified": "false"}, "not verified"),
    ],
)
def test_others_are_refused_with_the_reason(claims: dict[str, object], word: str) -> None:
    answer = judge({**GOOD, **claims}, TERMS, NOW_S)
    assert isinstance(answer, Refusal)
    assert word in answer.reason


def test_a_scope_is_a_word_of_several() -> None:
    terms = replace(TERMS, scope="mail.send")
    assert judge({**GOOD, "scope": "openid mail.send"}, terms, NOW_S) == "ann@example.org"
    assert judge({**GOOD, "scope": ["mail.send"]}, terms, NOW_S) == "ann@example.org"
    for scope in ("mail.sender", "openid", None, 7):
        assert isinstance(judge({**GOOD, "scope": scope}, terms, NOW_S), Refusal)


def test_what_is_not_asked_for_may_be_missing() -> None:
    terms = replace(TERMS, issuer="", audience="", user_claim="username", must_expire=False)
    assert judge({"username": "ann", "email_verified": False}, terms, NOW_S) == "ann"
