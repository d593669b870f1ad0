"""Floor 3 · directory — what a token says of its bearer, held against what we ask of tokens. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from mailrail.directory.user import login_name
from mailrail.sasl import PreparationError

Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A token that nobody is let in by.

    Attributes:
        reason: why, for the operator; never the token.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What we ask of a token; "" for nothing.

    Attributes:
        issuer: who must have issued it.
        audience: for whom it must be.
        scope: a word that must be among what it allows.
        user_claim: the claim that names the user.
        leeway_s: how far clocks may be apart.
        must_expire: a token without an end is none; what an issuer itself tells of a token now may be without.
    """

    issuer: str
    audience: str
    scope: str
    user_claim: str
    leeway_s: float
    must_expire: bool


def judge(claims: Claims, terms: Terms, now_s: float) -> str | Refusal:
    """Return the login name that *claims* name, or why they let nobody in.

    Args:
        claims: of a token whose issuer is known for sure.
        terms: what they must say.
        now_s: seconds since 1970-01-01 UTC.

    *Source:* RFC 7519 §4.1, RFC 7662 §2.2, RFC 8693 §4.2.
    """
    if reason := _out_of_time(claims, terms, now_s) or _not_for_us(claims, terms):
        return Refusal(reason)
    name = claims.get(terms.user_claim)
    if not isinstance(name, str) or not name:
        return Refusal(f"the token has no {terms.user_claim} that names a user")
    if terms.user_claim == "email" and claims.get("email_verified") in (False, "false"):
        return Refusal("the token's issuer has not verified the address (email_verified)")
    try:
        return login_name(name)
    except PreparationError as error:
        return Refusal(f"the token's {terms.user_claim} can be nobody's name: {error}")


def _out_of_time(claims: Claims, terms: Terms, now_s: float) -> str:
    end, begin = claims.get("exp"), claims.get("nbf")
    if end is None and terms.must_expire:
        return "the token has no end (exp)"
    # Written so that what is no number, NaN included, is refused.
    if end is not None and not (_is_time(end) and now_s < end + terms.leeway_s):
        return "the token has expired (exp)"
    if begin is not None and not (_is_time(begin) and begin - terms.leeway_s <= now_s):
        return "the token is not valid yet (nbf)"
    return ""


def _is_time(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _not_for_us(claims: Claims, terms: Terms) -> str:
    if terms.issuer and claims.get("iss") != terms.issuer:
        return f"the token is of another issuer, {claims.get('iss')!r} (iss)"
    if terms.audience and terms.audience not in _several(claims.get("aud")):
        return f"the token is for somebody else, {claims.get('aud')!r} (aud)"
    if terms.scope and terms.scope not in _words(claims.get("scope")):
        return f"the token does not allow {terms.scope} (scope)"
    return ""


def _several(value: object) -> list[object]:
    """Return what is one text or a list of them (RFC 7519 §4.1.3)."""
    return value if isinstance(value, list) else [value]


def _words(value: object) -> list[object]:
    """Return the words between the spaces of a text; a list, as some issuers write it, is one already."""
    return list(value.split(" ")) if isinstance(value, str) else _several(value)
